"""Renderers of built-in data sets: toy cars (`cars`, built of `solids`, drawn by `raycast`), `people`, `portraits`."""
