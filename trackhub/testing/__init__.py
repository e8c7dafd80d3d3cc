"""Ship what a plugin author tests with."""
