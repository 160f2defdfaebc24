"""Tests that what the documents show and say is so."""
