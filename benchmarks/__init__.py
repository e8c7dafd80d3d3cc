"""Measure what trackhub costs, beside the bare work and beside its peers, in one run."""
