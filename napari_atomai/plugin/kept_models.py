"""The taught model of a session that is opened: where it was, out of the session, or asked for. No Qt."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from napari_atomai.plugin import own_models

if TYPE_CHECKING:
    from napari_atomai.workflow.find import Found


def with_its_model(
    found: Found, kept: Mapping[str, bytes], folder: Path, ask: Callable[[str], Path | None]
) -> tuple[Found, str]:
    """Return a result whose recipe names its model where that is now, and what there is to say.

    Parameters
    ----------
    found : Found
        As it was saved.
    kept : mapping of str to bytes
        Models inside the session, by their hash; one that is needed is put among the own models.
    folder : Path
        Of the session: a model that was moved along is known by its hash.
    ask : callable
        Is given the name of a model that is nowhere; returns its file, or None.
    """
    from napari_atomai.workflow.record import file_sha256
    from napari_atomai.workflow.saved_models import model_now, taught_model, unpacked, with_model_at

    record, was = found.record, taught_model(found.record)
    if was is None or record.model is None:
        return found, ""
    place = model_now(record, folder) or unpacked(kept, record, own_models.home()) or ask(record.model.name)
    if place is None:
        return found, (
            f"The model {record.model.name!r} is not in {was} any more, and not in the session: its atoms "
            "are all there; finding atoms again needs another model."
        )
    found = dataclasses.replace(found, record=with_model_at(record, place))
    if file_sha256(place) == record.model.sha256:
        return found, ""
    return found, f"{place.name} is not the model that was used: what it finds will differ."
