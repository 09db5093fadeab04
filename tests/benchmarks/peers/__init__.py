"""Peers and limits that our figures are ratios to, each tuned as its users would."""
