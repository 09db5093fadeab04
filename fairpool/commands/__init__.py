"""The commands of `fairpool`, one noun a file."""
