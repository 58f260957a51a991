"""The calendar of an Offer Library: copies, marks, gaps and exports, against the emulator."""
