"""From files to tensors: finding, checking, reading and splitting data."""
