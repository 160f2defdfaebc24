"""Suites, which are multi-task problems: data, a shared encoder, and a head, a loss and metrics for each task."""
