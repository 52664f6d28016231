"""The only path a node ever takes: claim, attempt, route, commit, publish. Knows no backend and no command line."""
