"""Time of exported files, measured in a process of its own."""
