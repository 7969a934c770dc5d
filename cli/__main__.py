"""``python -m fer_keras_cli``."""

from .main import main

main()
