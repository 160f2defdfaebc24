"""The suites, a file each; the registry scans this folder, and helpers of several suites begin with ``_``."""
