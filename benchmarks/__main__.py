"""Makes ``python -m benchmarks`` the command line."""

import os

# How long a thread of torch's OpenMP spins before it sleeps. The default lets small models crawl as soon as
# anything else wants a core, because threads spin while they wait for each other. Set before torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

from benchmarks.cli import app

app(prog_name="python -m benchmarks")
