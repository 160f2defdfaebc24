"""The cost of one balanced step, beside a plain step and TorchJD's, all timed in one run."""
