"""Takes campaigns from one library to another: export, import, and what is not portable."""
