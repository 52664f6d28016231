"""The only importers of their libraries."""
