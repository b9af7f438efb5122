"""Templates that `lordbench new` copies: complete plug-ins, which pass `lordbench check`."""
