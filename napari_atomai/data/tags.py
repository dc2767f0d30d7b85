"""A file's own tags as plain Python, small enough to be kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SMALL_TAG = 4096


def plain(value: Any, depth: int = 0) -> Any:
    """Turn a reader's metadata into plain Python: dict, list, str, numbers, small arrays.

    Lazy arrays and long tables are replaced by their shape, so that tags never hold a file open.
    """
    if depth > 30:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return _small_array(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace") if len(value) <= _SMALL_TAG else f"{len(value)} bytes"
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _small_array(value: Any) -> NDArray[Any] | str:
    if value.size > _SMALL_TAG or value.dtype.hasobject:
        return f"array of shape {tuple(value.shape)}, {value.dtype}"
    return np.array(value)
