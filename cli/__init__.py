"""The `fer-keras` command."""
