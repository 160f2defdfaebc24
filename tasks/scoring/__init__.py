"""Losses, metrics and answers in words, in files by the kind of task or of metric; the suites choose among them."""
