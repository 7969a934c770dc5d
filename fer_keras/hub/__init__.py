"""Runs for others: a model card, and Hugging Face's hub (extra ``hub``)."""
