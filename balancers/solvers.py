"""Solvers for the small problems that methods pose: float64, batched over leading axes, each with a certificate."""
