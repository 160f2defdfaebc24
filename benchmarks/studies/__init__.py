"""One question each, with measurements, a table and a chart of its own."""
