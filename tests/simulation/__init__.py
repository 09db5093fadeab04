"""The real ledger in a simulated world: one seeded scheduler, and faults between any two steps."""
