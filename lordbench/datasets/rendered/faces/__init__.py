"""Drawn faces: described by `people`, shaped by `head`, coloured by `paint`, composed by `portrait`.

`shells` draws the resulting surfaces from any side.
"""
