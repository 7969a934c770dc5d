"""The names that ``import fer_keras`` offers: each is there, and none costs anything before it is used."""

import subprocess
import sys

import pytest

import fer_keras


@pytest.mark.parametrize("name", fer_keras.__all__)
def test_name_is_there_and_at_home_in_a_module(name):
    assert getattr(fer_keras, name).__module__.startswith("fer_keras.")
    assert name in dir(fer_keras)


def test_unknown_names_and_modules():
    with pytest.raises(AttributeError, match="has no attribute 'fit'"):
        _ = fer_keras.fit
    from fer_keras import emotions  # a module, not a public name

    assert emotions.__name__ == "fer_keras.emotions"


def test_light_names_import_no_tensorflow():
    program = "import sys, fer_keras as f; f.load_faces, f.make_recipe, f.RunFolder; exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0
