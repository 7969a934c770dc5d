"""Runs scored on damaged faces."""
