"""Losses, metrics and answers in words, one file for each kind of task."""
