"""Data from files to tensors: a file's name begins with the suite or data set that it is for; others serve several."""
