"""Bring home what Neptune left, and deliver runs to those who host it themselves."""
