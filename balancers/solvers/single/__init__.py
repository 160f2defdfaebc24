"""Twins of the batched solvers for one Gramian, in numpy and LAPACK: the same problems, decisions and certificates.

A step without replicas asks for the weights of one Gramian. Its matrices are so small that a solver's time is the
number of its operations times what one of them costs: half a microsecond in numpy or LAPACK, five in torch. Other ways
were considered. Solvers of general programmes (daqp, clarabel) take one programme each; a search needs several with one
matrix, and their tolerances are absolute or their own, so that what a certificate says would change. A compiler (numba)
would be no faster than LAPACK from ten tasks on, and takes seconds to start. So numpy and LAPACK do everything, and
`scipy.optimize.nnls` the programmes that block pivoting does not settle.
"""
