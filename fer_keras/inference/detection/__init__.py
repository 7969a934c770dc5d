"""Face detectors behind one small protocol."""
