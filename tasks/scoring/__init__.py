"""Losses, metrics and answers in words, by the kind of task; the suites choose among them."""
