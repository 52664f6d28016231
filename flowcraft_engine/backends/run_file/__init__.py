"""A run as a file: see docs/run-files.md for the format."""
