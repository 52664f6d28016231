"""Shows a run while it goes on: a live tree on a terminal, a line for each change elsewhere."""
