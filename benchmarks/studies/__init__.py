"""Studies: each answers one question with measurements, tables and a page of its own."""
