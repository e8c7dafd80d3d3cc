"""Bring runs from elsewhere into a store."""
