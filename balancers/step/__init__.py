"""One training step, from the losses to ``.grad``: absent tasks, measuring of gradients, memory, filling."""
