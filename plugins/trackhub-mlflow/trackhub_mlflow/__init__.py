"""Deliver trackhub runs to MLflow."""
