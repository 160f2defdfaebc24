"""Shared encoders and heads: a module is named after its suite, or after its network if several suites use it."""
