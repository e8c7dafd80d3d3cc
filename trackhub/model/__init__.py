"""Hold the values that travel: entities, events, and their bytes; no I/O here."""
