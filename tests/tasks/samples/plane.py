"""Two losses of a point: there are no data."""
