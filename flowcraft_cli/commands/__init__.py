"""One file for each command. Each is imported only when it is used."""
