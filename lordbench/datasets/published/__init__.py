"""Published data sets, prepared once: from their official files to a memory-mapped store.

`source` finds and checks the official files, `members` reads archives and folders alike, `decoding` turns
JPEGs into pixels on several cores, `store` keeps images and labels, and `dataset` is what a published data
set derives from.
"""
