"""Faults of real processes, servers, disks and networks, under load, and what must hold over all of them."""
