"""What a method is, what it sees and what it may answer; nothing here imports another room."""
