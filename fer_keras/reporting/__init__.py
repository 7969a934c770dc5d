"""HTML pages that need nothing beside themselves: jinja2 templates and the few lines that fill them."""

from .page import figure_data_uri, image_data_uri, render_page

__all__ = ["figure_data_uri", "image_data_uri", "render_page"]
