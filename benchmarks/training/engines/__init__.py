"""How models take their steps: one model alone in `single`, many at once in `replicas`."""
