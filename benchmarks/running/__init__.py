"""Runs the cells of a protocol: which of them, in which groups, on which workers, and again after an interruption."""
