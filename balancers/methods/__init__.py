"""One file per method; every module in this folder is found by itself."""
