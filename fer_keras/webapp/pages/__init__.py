"""The parts of the web page."""
