"""Losses, metrics, and answers in words."""
