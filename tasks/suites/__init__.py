"""The suites, one in each file; a file whose name begins with ``_`` holds what several suites share."""
