"""The methods, one paper per file; a new file is found by itself (files that begin with _ are helpers)."""
