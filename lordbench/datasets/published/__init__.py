"""Published data sets: official files, fetched and verified, prepared once as a memory-mapped store."""
