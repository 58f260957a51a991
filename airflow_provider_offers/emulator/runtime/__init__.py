"""The emulated decision runtime: rules, caps and formulas computed for one profile or a batch."""
