"""Facial-expression recognition on Keras 3. Importing this package imports nothing heavy."""

__version__ = "0.1.0"
