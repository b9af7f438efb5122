"""What all packages use: files, errors, settings, seeds, hardware, downloads."""
