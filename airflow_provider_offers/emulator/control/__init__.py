"""The control plane: what a test may see and change while the emulator runs."""
