"""PyTorch checkpoints, layer by layer."""
