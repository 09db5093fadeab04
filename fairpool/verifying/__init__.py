"""Verification of logs from where they are kept: the database and what stands beside it, or an export alone."""
