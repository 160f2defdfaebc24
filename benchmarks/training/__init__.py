"""Trains the cells of one job and returns their records; nothing here knows of other jobs."""
