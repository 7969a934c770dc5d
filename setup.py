"""Packages, found rather than listed: the folders beside ``fer_keras`` are installed under its name."""

from setuptools import find_packages, setup

PREFIXED = ("cli", "configs", "saved_models")


def packages() -> list[str]:
    """Names as they are installed: ``cli.commands`` becomes ``fer_keras_cli.commands``, see ``package_dir``."""
    found = find_packages(include=["fer_keras", "fer_keras.*", *PREFIXED, *(f"{name}.*" for name in PREFIXED)])
    return [f"fer_keras_{name}" if name.split(".")[0] in PREFIXED else name for name in found]


setup(packages=packages())
