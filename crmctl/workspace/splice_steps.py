"""Changes of front matter, and what they mean for its data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crmctl.model.errors import EditRefused
from crmctl.workspace.yamlio import normal

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Set:
    """Give the key (or list item) at ``key_path`` a value; missing keys on the way are made."""

    key_path: KeyPath
    value: Any


@dataclass(frozen=True, slots=True)
class Unset:
    """Take the key (or list item) at ``key_path`` out, and the maps that this leaves empty."""

    key_path: KeyPath


@dataclass(frozen=True, slots=True)
class Append:
    """Add a value to the end of the list at ``key_path``; a missing list is made."""

    key_path: KeyPath
    value: Any


@dataclass(frozen=True, slots=True)
class Remove:
    """Take the first item equal to ``value`` out of the list at ``key_path``; absent is done."""

    key_path: KeyPath
    value: Any


Change = Set | Unset | Append | Remove


def same(one: Any, other: Any) -> bool:
    """Equal in type as well as in value, all the way down: ``1``, ``1.0`` and ``true`` differ."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            same(value, other[key]) for key, value in one.items()
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def steps_of(data: Any, change: Change) -> list[Change]:
    """The change as steps that need no missing parents: Set, Append to a list that is there, Unset."""
    if not change.key_path:
        raise EditRefused("name the key to change")
    if isinstance(change, Set):
        return _set_steps(data, change.key_path, normal(change.value))
    found = find(data, change.key_path)
    if isinstance(change, Append):
        if found is None:
            return _set_steps(data, change.key_path, [normal(change.value)])
        if not isinstance(found, list):
            raise EditRefused("is not a list")
        return [Append(change.key_path, normal(change.value))]
    if isinstance(change, Remove):
        if found is not None and not isinstance(found, list):
            raise EditRefused("is not a list")
        value = normal(change.value)
        index = next((i for i, item in enumerate(found or []) if same(item, value)), None)
        return [] if index is None else [Unset((*change.key_path, index))]
    return _unset_steps(data, change.key_path)


def _set_steps(data: Any, key_path: KeyPath, value: Any) -> list[Change]:
    node = data
    for depth, step in enumerate(key_path):
        last = depth == len(key_path) - 1
        if isinstance(node, list) and isinstance(step, int) and 0 <= step < len(node):
            node = node[step]
        elif isinstance(node, dict) and isinstance(step, str):
            if step not in node:
                return [Set(key_path[: depth + 1], _nested(key_path[depth + 1 :], value))]
            node = node[step]
        else:
            kind = f"a list of {len(node)}" if isinstance(node, list) else "not a map or a list"
            raise EditRefused(
                f"{dotted(key_path[:depth]) or 'the header'} is {kind}, so there is no {step!r} in it"
            )
        if node is None and not last:
            return [Set(key_path[: depth + 1], _nested(key_path[depth + 1 :], value))]
    if isinstance(node, dict) and isinstance(value, dict) and node.keys() & value.keys():
        gone: list[Change] = [Unset((*key_path, key)) for key in node if key not in value]
        return gone + [
            step for key in value for step in _set_steps(data, (*key_path, key), value[key])
        ]
    return [] if same(node, value) else [Set(key_path, value)]


def _unset_steps(data: Any, key_path: KeyPath) -> list[Change]:
    parents = [data]
    for step in key_path:
        node = find(parents[-1], (step,))
        if node is None and not holds(parents[-1], step):
            return []
        parents.append(node)
    depth = len(key_path)
    while depth > 1 and isinstance(parents[depth - 2], dict) and len(parents[depth - 1]) == 1:
        if not isinstance(parents[depth - 1], dict):
            break
        depth -= 1
    return [Unset(key_path[:depth])]


def holds(node: Any, step: str | int) -> bool:
    """Whether a map has the key, or a list the index."""
    if isinstance(node, list):
        return isinstance(step, int) and 0 <= step < len(node)
    return isinstance(node, dict) and step in node


def find(data: Any, key_path: KeyPath) -> Any:
    """The value at ``key_path``; None where there is none."""
    for step in key_path:
        if not holds(data, step):
            return None
        data = data[step]
    return data


def _nested(key_path: KeyPath, value: Any) -> Any:
    for step in reversed(key_path):
        value = {step: value}
    return value


def apply(data: Any, step: Change) -> None:
    """Make one step of steps_of() in the data."""
    parent, key = find(data, step.key_path[:-1]), step.key_path[-1]
    if isinstance(step, Set):
        parent[key] = normal(step.value)  # a copy: later steps may change it
    elif isinstance(step, Append):
        parent[key].append(normal(step.value))
    else:
        del parent[key]


def dotted(key_path: KeyPath) -> str:
    """A key path as people write it."""
    return ".".join(map(str, key_path))
