"""Run folders land here; shipped models are found through importlib.resources."""
