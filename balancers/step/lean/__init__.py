"""The Gramian of task gradients without holding the gradients of all tasks at all parameters at once."""
