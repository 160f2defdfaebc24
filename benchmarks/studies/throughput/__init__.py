"""How many runs an hour: replicas, workers and nodes against one run at a time, and against a plain loop."""
