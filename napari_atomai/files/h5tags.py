"""Tags in HDF5 files, plain Python here: nested dictionaries are groups with attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

_DEEPEST = 30
_NESTED = (Mapping, list, tuple, np.ndarray)


def tree(group: Any, depth: int = 0) -> dict[str, Any]:
    """Return the attributes of a group and of the groups inside it."""
    if depth > _DEEPEST:
        return {}
    branches = {str(name): tree(item, depth + 1) for name, item in group.items() if hasattr(item, "keys")}
    return {**attributes(group), **branches}


def attributes(item: Any) -> dict[str, Any]:
    """Return the attributes of a group or dataset; references and empty ones are left out."""
    tags = {str(name): _plain(item.attrs[name]) for name in item.attrs}
    return {name: value for name, value in tags.items() if value is not None}


def _plain(value: Any) -> Any:
    import h5py

    if isinstance(value, h5py.Empty | h5py.Reference | h5py.RegionReference):
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray) and value.dtype.kind in "OS":
        return [_plain(item) for item in value.ravel().tolist()]
    return value


def text(value: Any) -> str:
    """Return an attribute as one text; "" where it is none."""
    value = _plain(value)
    if isinstance(value, list | np.ndarray):
        value = value[0] if len(value) == 1 else ""
    return "" if value is None else str(value)


def texts(value: Any, count: int) -> list[str]:
    """Return an attribute as a list of texts, filled up with ""."""
    plain = _plain(value)
    given = [str(item) for item in plain] if isinstance(plain, list | np.ndarray) else [text(plain)]
    return [*given[:count], *[""] * (count - len(given))]


def with_lists(tags: dict[str, Any], lists: Iterable[str]) -> dict[str, Any]:
    """Turn the branches of these paths, keys joined by "/", into the lists that `write` made them of."""
    for path in sorted(lists, key=lambda path: -path.count("/")):
        *above, last = path.split("/")
        branch: Any = tags
        for name in above:
            branch = branch.get(name) if isinstance(branch, dict) else None
        items = branch.get(last) if isinstance(branch, dict) else None
        if isinstance(items, dict) and set(items) == {str(i) for i in range(len(items))}:
            branch[last] = [items[str(i)] for i in range(len(items))]
    return tags


# --- writing ------------------------------------------------------------------------------------


def write(tags: Mapping[str, Any], group: Any) -> list[str]:
    """Write nested tags as groups and attributes, the way sidpy does; None is left out, as there.

    Returns
    -------
    list of str
        Names of the groups that were lists: of dictionaries, or of lists.
    """
    lists = []
    for given, value in tags.items():
        name = key(given)
        if isinstance(value, list | tuple) and any(isinstance(item, _NESTED) for item in value):
            name = free(name, group)
            lists.append(f"{group.name}/{name}")
            value = {str(i): item for i, item in enumerate(value)}
        if isinstance(value, Mapping):
            lists += write(value, group.create_group(free(name, group)))
        elif value is not None:
            group.attrs[name] = attribute(value)
    return lists


def attribute(value: Any) -> Any:
    """Return a value as an attribute can hold it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").replace("\x00", "")
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, int) and not fits(value):
        return str(value)
    if isinstance(value, bool | int | float | complex | np.generic):
        return str(value) if isinstance(value, np.generic) and value.dtype.kind in "USMm" else value
    array = np.asarray(value) if _numbers(value) else np.array([str(item) for item in value], dtype=object)
    return array if array.size else ""


def _numbers(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "buifc"
    return all(isinstance(item, bool | int | float | complex | np.number) for item in value)


def fits(number: int) -> bool:
    """Tell whether HDF5 has an integer for a number."""
    return -(2**63) <= number < 2**64


def key(name: str) -> str:
    """Return a name that a group or an attribute can have."""
    # HDF5 takes a slash for the beginning of a group inside, and a dot alone for the group itself.
    clean = str(name).replace("/", "-").replace("\x00", "")
    return clean if clean.strip(". ") else f"_{clean}"


def free(name: str, group: Any) -> str:
    """Return a name that nothing in a group has: it, or it with a number."""
    unused, number = name, 1
    while unused in group:
        number += 1
        unused = f"{name}_{number}"
    return unused
