"""Settings: read once at the edge, frozen; first flags, then the environment, then the project file."""

from flowcraft_engine.settings.command import MEMORY, Backend, Settings, read_settings

__all__ = ["MEMORY", "Backend", "Settings", "read_settings"]
