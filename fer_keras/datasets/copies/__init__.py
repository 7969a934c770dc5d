"""The same photograph twice: exact and near copies, and leaks between splits. No TensorFlow."""
