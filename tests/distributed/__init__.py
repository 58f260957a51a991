"""A scheduler, a triggerer and workers for real, each a process of its own."""
