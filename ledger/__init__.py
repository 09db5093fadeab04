"""The ledger decides and records: aggregates, rules, the event store and the use cases."""
