"""YAML read as people mean it: numbers are numbers, words are words, no key stands twice. No TensorFlow."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import yaml

from ..errors import ConfigError

# The longest recipe in the package has 2 kB.
MAX_CHARACTERS = 1_000_000


class _StrictLoader(yaml.SafeLoader):
    """YAML as people expect it: ``1e-3`` is a number, ``on`` is text, a repeated key is an error.

    Aliases are refused: a few hundred bytes of them can stand for gigabytes.
    """

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise ConfigError(f"alias *{event.anchor} in line {event.start_mark.line + 1}", hint="Write it out")
        return super().compose_node(parent, index)


def _unique_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    doubled = sorted(key for (key, _), count in Counter((str(key), type(key)) for key in keys).items() if count > 1)
    if doubled:
        line = node.start_mark.line + 1
        raise ConfigError(f"key {doubled[0]!r} stands twice in the mapping at line {line}")
    return loader.construct_mapping(node, deep=True)


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in pairs if not tag.endswith((":bool", ":float", ":int", ":timestamp"))]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_constructor("tag:yaml.org,2002:map", _unique_mapping)
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(0|[1-9]\d*)$"), list("-+0123456789"))
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?$"),
    list("-+.0123456789"),
)


def parse_yaml(text: str, where: str) -> Any:
    """Parse YAML strictly.

    Raises:
        ConfigError: not YAML, a key stands twice, an alias, or too long.
    """
    if len(text) > MAX_CHARACTERS:
        allowed = f"at most {MAX_CHARACTERS:,} characters"
        raise ConfigError(f"{where} is no recipe", allowed=allowed, received=f"{len(text):,}")
    try:
        return yaml.load(text, Loader=_StrictLoader)  # a SafeLoader subclass
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # numbers of 5,000 digits, a thousand brackets
        raise ConfigError(f"{where} is not valid YAML: {error}") from error
