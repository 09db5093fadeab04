"""fairpool wires: settings, embedded servers, the composition root and the command line."""
