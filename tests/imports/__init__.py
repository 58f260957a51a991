"""What importing this package loads: DAG files are parsed often, so it should be little; and what imports what."""
