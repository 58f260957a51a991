"""Tests of exports, imports, promotions and accepted live values."""
