"""Expressions of a video over time: numbers, figure, page."""
