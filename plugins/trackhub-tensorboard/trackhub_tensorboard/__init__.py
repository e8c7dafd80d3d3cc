"""Deliver trackhub runs to event files that TensorBoard shows, and read any folder of event files."""
