"""What a face is called: label sets, and the ten votes of FER+. No TensorFlow."""
