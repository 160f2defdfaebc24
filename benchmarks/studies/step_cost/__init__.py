"""What one balanced step costs, beside a plain step and beside TorchJD's, all in one run: ``make micro``."""
