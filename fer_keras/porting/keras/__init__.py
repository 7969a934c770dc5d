"""Keras files of other programs."""
