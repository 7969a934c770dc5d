"""The gate: is a data set what it claims to be, and what is wrong with it? No TensorFlow."""
