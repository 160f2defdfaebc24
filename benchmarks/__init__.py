"""The harness: protocols, training, records, tables, charts and the report."""
