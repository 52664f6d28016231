"""Node types: the users' and the built-in ones, how they are found and called. Knows no run states."""
