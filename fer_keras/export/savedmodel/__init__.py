"""TensorFlow SavedModel: written, sealed, run."""
