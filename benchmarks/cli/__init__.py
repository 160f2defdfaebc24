"""The command line ``python -m benchmarks``. Heavy imports are inside the commands, so that --help answers at once."""

from benchmarks.cli import run

# isort: split
from benchmarks.cli import look, models, results, studies
from benchmarks.cli.options import app

__all__ = ["app", "look", "models", "results", "run", "studies"]
