"""Names that users type or have stored: the nearest names for errors, plug-in files, and names of earlier versions."""
