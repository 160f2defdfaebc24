"""Suites, which are multi-task problems: data, a shared encoder, and a head, a loss and metrics for each task."""

import sys

from tasks.data import sources

sys.modules.setdefault("tasks.sources", sources)  # its earlier name, which plug-ins import
