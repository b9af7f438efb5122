"""The files that `lordbench new` copies. Each is a complete plug-in, and is checked like any other."""
