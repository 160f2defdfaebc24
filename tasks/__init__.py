"""Multi-task problems: data, a shared encoder, and heads, losses and metrics for each task."""
