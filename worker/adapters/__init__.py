"""One adapter for each port."""
