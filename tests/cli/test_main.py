"""The command line itself: help, errors, exit codes."""

import subprocess
import sys

import pytest
from fer_keras_cli.main import COMMANDS, run

HEAVY = ("tensorflow", "keras", "matplotlib", "sklearn", "tensorflow_datasets", "rich", "numpy", "pydantic")


def test_help_imports_nothing_heavy():
    program = f"""
import sys
from fer_keras_cli.main import run
code = run(["--help"])
print("HEAVY", [name for name in {HEAVY!r} if name in sys.modules])
sys.exit(code)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stdout.endswith("HEAVY []\n")
    for name in COMMANDS:
        assert name in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_without_tensorflow(name):
    program = f"""
import sys
from fer_keras_cli.main import run
code = run([{name!r}, "--help"])
sys.exit(code or sum(name in sys.modules for name in ("tensorflow", "keras")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Usage: fer-keras" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["trian"], 2, ["No such command", "train"]),
        (["train"], 2, ["--model cnn"]),
        (["train", "--model", "cn"], 2, ["Did you mean 'cnn'"]),
        (["train", "--model", "cnn", "--set", "train.epoch=2"], 2, ["train.epoch", "Did you mean 'epochs'"]),
        (["train", "--model", "cnn", "--set", "epochs"], 2, ["section.key=value"]),
        (["train", "--model", "cnn", "--epochs", "0"], 2, ["1<=x"]),
        (["train", "--model", "cnn", "--recipe", "mobilenetv2"], 2, ["trains mobilenetv2, not cnn"]),
        (["train", "--recipe", "nowhere.yaml"], 2, ["nowhere.yaml"]),
        (["train", "--model", "cnn", "--data", "nowhere.csv"], 2, ["nowhere.csv"]),
        (["train", "--resume", "nowhere"], 1, ["no run folder"]),
        (["train", "--resume", "nowhere", "--epochs", "3"], 2, ["--epochs does not go with --resume"]),
        (["evaluate", "nowhere"], 1, ["no run folder"]),
        (["evaluate", "nowhere", "--split", "tst"], 2, ["validation"]),
        (["export", "nowhere", "--format", "tflit"], 2, ["Did you mean 'tflite'"]),
        (["data", "preview", "--out", "x.jpg"], 2, [".png"]),
        (["recipes", "cn"], 2, ["Did you mean 'cnn'"]),
    ],
)
def test_bad_input_is_one_clear_message(arguments, code, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == code
    message = capsys.readouterr().err
    assert "Traceback" not in message
    for word in words:
        assert word in message
    assert list(tmp_path.iterdir()) == []


def test_an_unforeseen_error_is_one_line_without_v_and_a_traceback_with_it(monkeypatch, capsys):
    import fer_keras_cli.commands.recipes as recipes

    def broken(**_):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(recipes.command, "callback", broken)
    assert run(["recipes"]) == 1
    assert "RuntimeError: first line second line" in capsys.readouterr().err
    with pytest.raises(RuntimeError):
        run(["-v", "recipes"])


def test_every_recipe_is_valid(capsys):
    assert run(["recipes"]) == 0
    names = capsys.readouterr().out.split()
    assert {"cnn", "mobilenetv2", "quickstart"} <= set(names)
    for name in names:
        assert run(["recipes", name]) == 0


NAMES = ("\x1b]0;owned\x07.jpg", "\x1b[2Jx.jpg", "a\x9bb.jpg", "rtl\u202egpj.exe")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("words", [("predict",), ("evaluate",), ("data", "check"), ("train", "--model")])
def test_control_characters_in_names_are_shown_not_sent(words, name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run([*words, name]) != 0
    said = capsys.readouterr()
    assert said.err
    assert all(sign.isprintable() or sign == "\n" for sign in said.out + said.err), (said.out + said.err).encode()
