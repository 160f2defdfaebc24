"""What happens between the losses and ``.grad``: inputs, graph, gradients, measuring, filling."""
