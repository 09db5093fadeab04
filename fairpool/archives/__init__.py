"""Archives: a final week leaves the database as its export, and comes back from it, byte for byte."""
