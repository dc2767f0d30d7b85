"""Tags as JSON that every program reads: whole, whatever readers put into them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_atomai.files.atomic import write_text

_DEEPEST = 100
_TOO_DEEP = "… (nested too deeply)"


def tags_text(tags: Any) -> str:
    """Return tags as JSON (RFC 8259): NaN is null, infinities are words, arrays are lists.

    What JSON has no form for is written as words; lazy arrays are named by their shape, not computed.
    """
    return json.dumps(_plain(tags, 0), indent=2, ensure_ascii=False, allow_nan=False)


def write_tags(tags: Any, path: str | os.PathLike[str]) -> None:
    """Write tags as JSON, whole or not at all; see `tags_text`.

    Raises
    ------
    SaveFailed
        If the file cannot be written.
    """
    # Tags hold whatever bytes there were; half a surrogate pair is no UTF-8.
    write_text(tags_text(tags).encode("utf-8", "replace").decode() + "\n", path)


def _plain(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:  # or nested in itself
        return _TOO_DEEP
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist(), depth + 1) if value.dtype.kind != "V" else words(value)
    if isinstance(value, np.generic):
        return _plain(value.item(), depth + 1) if not isinstance(value, np.void) else words(value)
    return _leaf(value)


def _leaf(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value if type(value) in (type(None), bool, int, str) else _base(value)
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return float(value) if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return words(value)


def _base(value: Any) -> Any:
    return str(value) if isinstance(value, str) else int(value)


def words(value: Any) -> str:
    """Say what a value is that is no text or number; an array is named by its shape, not computed."""
    try:
        if hasattr(value, "shape") and hasattr(value, "dtype"):
            return f"array of shape {tuple(value.shape)}, {value.dtype}"
        return str(value)
    except Exception:  # noqa: BLE001 - objects of others may raise what they like when asked for their text
        return f"<{type(value).__name__}>"
