"""Which cells run, where and when, and again after an interruption."""
