"""What can be seen of nodes from outside: JSON logs, traces, metrics. Imported only where it is wanted."""
