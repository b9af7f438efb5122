"""One file per experiment; the file's name is the experiment's name. Found by `lordbench.config.registry`."""
