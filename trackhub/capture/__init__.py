"""Describe what runs: code, host, packages, devices; called away from the training."""
