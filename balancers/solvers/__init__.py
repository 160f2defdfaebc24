"""Solvers for small problems on K numbers or a K x K Gramian; they know no model and keep no state."""
