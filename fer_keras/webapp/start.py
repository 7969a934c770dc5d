"""The script that Streamlit runs for every visitor, and again after each of their actions."""

import sys

from .page import show
from .settings import read_settings

show(read_settings(sys.argv[1:]))
