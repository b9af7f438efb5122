"""Data sets, one file each: the file's name is the data set's name, and `config.registry` finds it.

Code that several share lives in sub-folders, since every file in this folder is taken for a data set.
"""
