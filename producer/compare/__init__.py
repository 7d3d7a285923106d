"""Jobs side by side: a table, and a report that opens anywhere."""
