"""A fleet of processes over shared ports: jobs, leases, sweeping, repair. Knows no technology."""
