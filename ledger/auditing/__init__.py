"""The audit of a log: every rule held against every event, in one pass and bounded memory."""
