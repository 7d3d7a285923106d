"""What the benchmarks share: processes, servers, rounds, tables, pages. Knows none of them."""
