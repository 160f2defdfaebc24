"""Runs the cells of a protocol: which of them, on which workers, and again after an interruption."""
