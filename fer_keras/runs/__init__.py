"""The run folder of one training: its files, its manifest, its record. No TensorFlow."""
