"""Tests of the Offer Library client: flows on scripted answers, shells on real sockets, all against the emulator."""
