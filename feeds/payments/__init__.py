"""Money at the edge: checkouts, what providers tell of them, refunds and prizes. All of it is asynchronous."""
