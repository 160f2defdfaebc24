"""Twins of the batched solvers for one Gramian, in NumPy and LAPACK: the same problems, decisions and certificates."""

# A step without replicas asks for the weights of one Gramian. Its matrices are so small that a solver's time is the
# number of its operations times what one of them costs, which is less in NumPy and LAPACK than in PyTorch. Solvers of
# general programmes (daqp, clarabel) were not tried: they take one programme each, while a search needs several with
# one matrix, and their tolerances are their own, so that what a certificate says would change. Nor was a compiler
# (numba): it would be one more large package, with seconds to start. `scipy.optimize.nnls` takes the programmes that
# block pivoting does not settle. No solver starts from the weights of the step before: where several weights are
# optimal, the answer would depend on them.
