"""Exports: a log as files that anyone can read, in five forms, the same bytes every time, with a manifest."""
