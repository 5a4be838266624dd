"""Each route parses, calls one use case, and shapes the answer."""
