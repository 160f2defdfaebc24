"""Where a training runs: its device and threads, its processes, and a description of machine and software."""
