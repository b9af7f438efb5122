"""One page with all results; it opens from disk and needs no network."""
