"""Proof that an exported file is the same model."""
