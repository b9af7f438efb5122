"""Data sets, one file each: the file's name is the data set's name, and `lordbench.components` finds it.

Whatever several of them share lives outside this folder, e.g. `lordbench.reading`, since every file here
is taken for a data set.
"""
