"""From a recipe and faces to a run folder; interruptible after any step."""
