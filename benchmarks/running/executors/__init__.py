"""Where cells are trained: in this process, in local processes, or on a Ray cluster."""
