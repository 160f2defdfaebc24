"""Makes ``python -m benchmarks`` the command line."""

import os

# How long a thread of torch's OpenMP spins before it sleeps. The default lets small models crawl, 30 times slower, as
# soon as anything else wants a core; at this value an idle machine is as fast as ever. Set before torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

from benchmarks.cli import app

app(prog_name="python -m benchmarks")
