"""Data, from files to tensors: a module is named after a suite or a data set that it serves.

The modules `archives`, `documents`, `images`, `labels`, `sources` and `words` serve several.
"""
