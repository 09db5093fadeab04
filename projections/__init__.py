"""Projections remember for reading; drop them, replay the log, and the same rows come back."""
