"""Shared encoders and heads: a file's name begins with the suite that it is for; others serve several suites."""
