"""Faces followed and classified through a video or a camera."""
