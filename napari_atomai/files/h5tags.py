"""Attributes of HDF5 files as plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np

_DEEPEST = 30


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
