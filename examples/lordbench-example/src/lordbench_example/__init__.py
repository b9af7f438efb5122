"""Plug-ins for lordbench, one of each kind."""
