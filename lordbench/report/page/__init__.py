"""The report: one page that opens from disk and needs no network."""
