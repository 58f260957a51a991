"""Every write under every fault: what must be there is there once, and nothing else has changed."""
