"""Data sets, one file each, named after the file; shared code lives in the sub-packages.

`config.registry` takes every file in this folder for a data set.
"""
