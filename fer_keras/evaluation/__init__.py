"""Finished runs scored on a split."""
