"""Parameters and time of one multi-task model, beside a model for each task."""
