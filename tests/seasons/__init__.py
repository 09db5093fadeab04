"""Seasons of real games, replayed with faults in the feed, and held against a program that reads only the table."""
