"""Does a plug-in keep its contract? Small named checks, for `lordbench check`."""
