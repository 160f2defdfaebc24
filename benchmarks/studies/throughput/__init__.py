"""How many runs an hour the benchmark trains: one at a time, as replicas, on workers and nodes, and in a plain loop."""
