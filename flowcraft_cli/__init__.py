"""The command line of flowcraft: parses, calls the engine, shows. Nothing decides here."""
