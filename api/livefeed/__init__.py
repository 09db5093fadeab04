"""Live updates: a hub follows the logs that somebody listens to, and every stream reads on from its own position."""
