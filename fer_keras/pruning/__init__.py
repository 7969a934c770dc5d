"""A finished run pruned into a new one."""
