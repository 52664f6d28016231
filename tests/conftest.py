"""Fixtures for all tests."""

pytest_plugins = ["tests.redis_server"]
