"""Keep a run's events in append-only files: one writer a file, no locks, no shared file."""
