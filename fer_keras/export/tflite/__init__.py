"""TFLite: converted, described, run."""
