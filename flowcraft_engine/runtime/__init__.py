"""Runs in this process: the same execution path over in-process ports, with a queue that is a list."""
