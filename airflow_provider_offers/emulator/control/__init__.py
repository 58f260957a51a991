"""The control plane: what a test can see and change while the emulator runs."""
