"""What is measured beside training: metrics, task gradients, curves, seconds, memory and compute."""
