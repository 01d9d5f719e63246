"""Study files: YAML that gives each field once."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from jackfield.errors import ConfigError

__all__ = ["read_fields"]


class _UniqueKeys(yaml.SafeLoader):
    """Plain YAML that refuses what YAML allows: a key that is given twice, of which all but the last would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for (key_node, _), key in zip(node.value, keys, strict=True):
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
        return super().construct_mapping(node, deep)


def read_fields(path: Path) -> dict[str, Any]:
    """The fields of a study file, before they are validated.

    Raises
    ------
    ConfigError
        If the file cannot be read, is not YAML, gives a key twice, or holds something else than fields.
    """
    try:
        found = _UniqueKeys(path.read_text(encoding="utf-8")).get_single_data()
    except OSError as error:
        raise ConfigError(f"study {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"study {path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"study {path} is not YAML: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"study {path} holds {type(found).__name__}, expected fields such as `task: ioi`")
    return found
