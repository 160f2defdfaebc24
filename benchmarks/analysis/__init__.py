"""From records to numbers: pure functions without words, ink, torch or the registry."""
