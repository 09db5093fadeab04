"""The api answers: HTTP in, HTTP out, no rules."""
