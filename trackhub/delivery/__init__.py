"""Deliver journals: lanes read, call a backend, and move their cursor only after it has the batch."""
