"""Conformance: does a plug-in keep its contract? Small named checks, one idea each, for `lordbench check`."""
