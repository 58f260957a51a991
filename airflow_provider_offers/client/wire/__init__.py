"""What travels between a flow and the service: messages, retries, refusals, tokens, and the shells that do the I/O."""
