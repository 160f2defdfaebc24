"""Weightings around a weighting, and the notation that names them, such as ``every:4:pcgrad``."""
