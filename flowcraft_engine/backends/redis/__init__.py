"""Runs on a Redis or Valkey server, shared by a fleet of workers."""
