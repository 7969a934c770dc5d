"""What is measured of exported files against the Keras model: the same answers, the first other one, the time."""
