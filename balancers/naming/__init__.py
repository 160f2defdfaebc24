"""What users type to name a method: nearest names in errors, and plug-in files."""
