"""Which methods there are, what each needs and what its hyperparameters mean, in Python.

`python -m benchmarks list balancers` prints the same as a table.
"""

import inspect

import balancers

print(len(balancers.names()), "methods:", ", ".join(balancers.names()))
print(balancers.create("cagrad"), "needs", balancers.create("cagrad").needs)
print(inspect.getdoc(balancers.get("cagrad")))  # `help(balancers.get("cagrad"))` in an interactive session
