"""Data sets, one file each: the file name is the name of the data set.

Shared code lies in sub-folders, since every file in this folder is taken for a data set.
"""
