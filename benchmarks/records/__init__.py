"""What a run is, what it leaves behind, how validation chooses among runs, and how all is kept on disk."""
