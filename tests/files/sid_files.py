"""NSID and USID files after the published layouts, made by hand: what pyNSID and pyUSID write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Described = tuple[str, str, str, float, float]
"""Name, type, unit, step and first position of a dimension."""


def nsid(path: Path, data: Any, dimensions: Sequence[Described], **attributes: str) -> Path:
    """Write an NSID file with one channel."""
    with h5py.File(path, "a") as file:
        number = len(file["Measurement_000"]) if "Measurement_000" in file else 0
        group = file.create_group(f"Measurement_000/Channel_{number:03d}/data")
        main = group.create_dataset("data", data=data)
        usual = {
            "quantity": "intensity",
            "units": "counts",
            "main_data_name": "generic",
            "data_type": "UNKNOWN",
        }
        usual |= {"modality": "STEM", "source": "generic", "pyNSID_version": "0.0.7"}
        main.attrs.update({**usual, **attributes})
        for i, (name, kind, unit, step, first) in enumerate(dimensions):
            scale = group.create_dataset(name, data=first + step * np.arange(main.shape[i]))
            scale.attrs.update({"name": name, "units": unit, "quantity": "q", "dimension_type": kind.upper()})
            scale.make_scale(name)
            main.dims[i].label = name
            main.dims[i].attach_scale(scale)
        tags = group.create_group("original_metadata")
        tags.attrs.update({"kV": 200.0, "name": "µ", "list": ["a", "b"]})
        tags.create_group("deeper").attrs["answer"] = 42
    return path


def usid(
    path: Path, table: Any, rows: Sequence[Described], columns: Sequence[Described], sizes: Sequence[int]
) -> Path:
    """Write a USID Main dataset; dimensions from slow to fast, `sizes` of rows and then of columns."""
    with h5py.File(path, "w") as file:
        channel = file.create_group("Measurement_000/Channel_000")
        channel.parent.attrs["microscope"] = "X"
        main = channel.create_dataset("Raw_Data", data=table)
        main.attrs.update({"quantity": "Current", "units": "nA"})
        parts = (("Position", rows, sizes[: len(rows)]), ("Spectroscopic", columns, sizes[len(rows) :]))
        for of, dimensions, lengths in parts:
            indices = np.indices(lengths).reshape(len(lengths), -1)
            steps = np.array([[step] for _, _, _, step, _ in dimensions])
            values = indices * steps + np.array([[first] for *_, first in dimensions])
            for what, content in (("Indices", indices.astype("u4")), ("Values", values)):
                made = channel.create_dataset(f"{of}_{what}", data=content.T if of == "Position" else content)
                made.attrs["labels"] = [name for name, *_ in dimensions]
                made.attrs["units"] = [unit for _, _, unit, *_ in dimensions]
                main.attrs[f"{of}_{what}"] = made.ref
    return path
