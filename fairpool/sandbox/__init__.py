"""The sandbox: a small Stripe over real HTTP, with money that is none. The demo and the tests play on it."""
