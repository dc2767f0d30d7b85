"""How an Image or a Spectrum lay before it was handed to sidpy: what types and names cannot tell.

sidpy wants a name for each dimension that no other has, and knows no rows and columns. A note among the
metadata says which dimension was which axis; it goes by the names of the dimensions, so that it still holds
where they have been put into another order, and holds no longer where one was added, left out or renamed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_atomai.data.image import Axis, Image
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import BadOption

KEY = "napari_atomai"
"""Where in the metadata the note stands."""

LISTS = "lists"
"""Under this word the note of a file names the groups that were lists."""

_LONGEST = 1 << 20


@dataclass(frozen=True)
class Layout:
    """Which dimension was which axis.

    Parameters
    ----------
    axes : tuple of Axis
        Of the Image or the Spectrum, in its order.
    order : tuple of int
        The dimension that each axis has become.
    spectra : bool
        Whether it was a Spectrum.
    tags : bool
        Whether the metadata beside the note are those in ``metadata["understood"]``, not sidpy's own.
    """

    axes: tuple[Axis, ...]
    order: tuple[int, ...]
    spectra: bool = False
    tags: bool = False

    @classmethod
    def of(cls, dataset: Image | Spectrum, order: Sequence[int], tags: bool) -> Layout:
        """Describe a dataset whose axis ``i`` has become the dimension ``order[i]``."""
        return cls(dataset.axes, tuple(order), isinstance(dataset, Spectrum), tags)

    def note(self, names: Sequence[str], lists: Sequence[str] = ()) -> str:
        """Write the note, in JSON.

        Parameters
        ----------
        names : sequence of str
            Of the dimensions, in their order.
        lists : sequence of str
            What else the file wants to know of its tags.
        """
        axes = [
            {"dimension": names[i], "name": a.name, "scale": a.scale, "offset": a.offset, "unit": a.unit}
            for i, a in zip(self.order, self.axes, strict=True)
        ]
        kind = "Spectrum" if self.spectra else "Image"
        return json.dumps({"kind": kind, "tags": self.tags, "axes": axes, LISTS: list(lists)})

    @classmethod
    def read(cls, text: object, names: Sequence[str]) -> Layout | None:
        """Read a note; None where it is none, or does not fit the dimensions of these names."""
        found = content(text)
        try:
            entries = [dict(entry) for entry in found["axes"]]
            order = tuple(names.index(str(entry["dimension"])) for entry in entries)
            axes = tuple(
                Axis(str(e["name"]), float(e["scale"]), float(e["offset"]), str(e["unit"])) for e in entries
            )
        except (KeyError, TypeError, ValueError, BadOption):
            return None
        if sorted(order) != list(range(len(names))):
            return None
        spectra = found.get("kind") == "Spectrum"
        fits = len(axes) in (1, 2) if spectra else len(axes) > 1
        return cls(axes, order, spectra, found.get("tags") is True) if fits else None


def content(text: object) -> Mapping[str, Any]:
    """Return what a note says; nothing where it is none."""
    if not isinstance(text, str) or len(text) > _LONGEST:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
