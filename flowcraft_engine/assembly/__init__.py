"""The only place that wires concrete parts together: settings → registry, blueprints, store, runtime.

Every function imports what it needs when it is called, so that a command pays for what it uses only.
"""
