"""Selectors, presets, class labels, and the registry of methods, data sets, metrics and experiments."""
