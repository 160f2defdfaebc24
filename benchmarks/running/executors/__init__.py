"""The places where cells train: this process, local processes, or a Ray cluster."""
