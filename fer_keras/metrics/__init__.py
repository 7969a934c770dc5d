"""Scores, paired tests, calibration curves: arrays in, numbers out. No TensorFlow."""
