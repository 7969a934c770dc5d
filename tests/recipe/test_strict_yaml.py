"""Recipes that cost more than they are worth."""

import time

import pytest

from fer_keras.errors import ConfigError
from fer_keras.recipe.recipe import load_yaml_file
from fer_keras.recipe.strict_yaml import parse_yaml

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{here}: &{here} [{','.join([f'*{before}'] * 9)}]\n" for before, here in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (LAUGHS, r"alias \*a in line 2.*Write it out"),
        ("a: &a [*a]", r"alias \*a"),
        ("[" * 100_000, "not valid YAML"),
        ("a: " + "9" * 10_000, "not valid YAML"),
        ("? [a, b]\n: 1\n? [a, b]\n: 2\n", "stands twice|not valid YAML"),
        ("#" * 1_000_001, "no recipe.*at most 1,000,000 characters"),
    ],
)
def test_is_refused_at_once(text, problem):
    began = time.process_time()
    with pytest.raises(ConfigError, match=problem):
        parse_yaml(text, "x.yaml")
    assert time.process_time() - began < 10


def test_many_keys_cost_no_square_of_them():
    text = "".join(f"key{number}: 1\n" for number in range(20_000))
    assert len(parse_yaml(text, "x.yaml")) == 20_000
    with pytest.raises(ConfigError, match="'key7' stands twice"):
        parse_yaml(text + "key7: 2\n", "x.yaml")


def test_a_device_without_end_is_no_recipe():
    with pytest.raises(ConfigError, match=r"no recipe.*at most"):
        load_yaml_file("/dev/zero")
