"""Offer the functions that people call: logging, delivering, reading; each imports only what it needs."""
