"""One temperature and one threshold for a run, and what they make of its scores."""
