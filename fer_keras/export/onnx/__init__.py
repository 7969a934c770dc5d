"""ONNX: written, run."""
