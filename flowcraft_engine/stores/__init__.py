"""Ports to where runs are kept, and their in-memory form. Domain verbs only: no driver's words."""
