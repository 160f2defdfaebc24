"""What a run is, what it leaves behind, and how that is kept on disk; the ground floor of the harness."""
