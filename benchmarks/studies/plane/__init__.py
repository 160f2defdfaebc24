"""Every method from several starts on the two-task plane, with the Pareto front it should reach."""
