"""Deliver trackhub runs to Comet."""
