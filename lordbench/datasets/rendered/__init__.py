"""Renderers of built-in data sets: `cars`, of `solids` drawn by `raycast`; `people` and their `portraits`."""
