"""What runs cost: latency, size, memory, time to an accuracy."""
