"""Pictures: arrays in, matplotlib ``Figure`` out, never pyplot."""
