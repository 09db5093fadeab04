"""Feeds react: to games, quotes and results from outside, to the clock, and to our own events."""
