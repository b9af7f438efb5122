"""Figures for papers and pages, drawn with Matplotlib from results alone."""
