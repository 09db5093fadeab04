"""What lets a stranger check a log: its Merkle tree, signed checkpoints of it, and receipts against those."""
