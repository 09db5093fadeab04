"""The person behind a player: what is kept, what bars from playing, and how all of it is exported and erased."""
