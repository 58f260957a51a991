"""Every write under every fault: the expected objects exist once, and nothing else has changed."""
