"""The script that Streamlit runs for every visitor, and again after each of their actions."""

import sys

# Run as a file, it has no package: the imports are absolute.
from fer_keras.webapp.page import show
from fer_keras.webapp.session import let_go_of_the_gone
from fer_keras.webapp.settings import read_settings

let_go_of_the_gone()
show(read_settings(sys.argv[1:]))
