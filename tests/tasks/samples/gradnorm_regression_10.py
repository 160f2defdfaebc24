"""GradNorm's regression: computed, here for 40 examples."""

OPTIONS = {"examples": 40}
