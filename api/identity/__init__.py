"""Who asks: log-ins, sessions, tokens and API keys, and what each may do."""
