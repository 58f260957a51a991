"""Tests of the wire: messages on scripted answers, and both shells on real sockets."""
