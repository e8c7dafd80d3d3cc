"""Deliver trackhub runs to Weights & Biases, and read them back."""
