"""What users type: unknown names in errors, plug-in files, earlier names of modules; imports no other room."""
