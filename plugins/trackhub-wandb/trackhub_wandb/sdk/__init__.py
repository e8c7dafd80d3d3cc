"""Hold the SDK, in a process of its own; nothing else of this distribution imports it."""
