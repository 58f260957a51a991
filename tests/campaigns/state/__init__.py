"""Tests of the states of campaigns, on a disk and in object stores."""
