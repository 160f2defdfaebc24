"""One job in, records out; nothing here knows of files or of other jobs."""
