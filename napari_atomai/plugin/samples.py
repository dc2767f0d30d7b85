"""Sample data in File > Open Sample: simulated, with known atoms, offline; and published files, fetched once.

Each published sample that opens as layers has a function here, named as in `function_name`, made when it is
asked for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from napari_atomai.data.progress import Progress
from napari_atomai.errors import AtomAIError, Stopped
from napari_atomai.files.sample import Sample

log = logging.getLogger(__name__)
LayerData = tuple[Any, dict[str, Any], str]
Opener = Callable[[], list[LayerData]]


def graphene_with_si() -> list[LayerData]:
    """Simulate graphene with silicon impurities and a 5-7 defect."""
    from napari_atomai.simulate import samples

    return _layer(samples.graphene_with_si(), "Graphene with Si")


def perovskite() -> list[LayerData]:
    """Simulate a perovskite with two sublattices."""
    from napari_atomai.simulate import samples

    return _layer(samples.perovskite(), "Perovskite")


def _layer(simulated: Any, name: str) -> list[LayerData]:
    from napari_atomai.plugin.docks import show_scale_bar
    from napari_atomai.plugin.layers import image_layer_data

    show_scale_bar()
    data, options, kind = image_layer_data(simulated.image)
    return [(data, {**options, "name": name}, kind)]


def function_name(name: str) -> str:
    """Return the name of the function here that opens a published sample."""
    return name.replace("-", "_")


def __getattr__(name: str) -> Opener:
    from napari_atomai.files.published import SAMPLES

    for sample in SAMPLES:
        if sample.layers and function_name(sample.name) == name:
            return _opener(sample.name, sample.shows)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _opener(name: str, shows: str) -> Opener:
    def open_published() -> list[LayerData]:
        return _published(name)

    open_published.__name__ = open_published.__qualname__ = function_name(name)
    open_published.__doc__ = f"Fetch and open {name}: {shows}."
    return open_published


def _published(name: str) -> list[LayerData]:
    # An error is raised, not shown: napari shows its sentence, and a sample without layers is an error to it.
    from napari.utils.notifications import show_info

    from napari_atomai.files import registry
    from napari_atomai.plugin.readers import read

    sample = registry.find(name)
    path = registry.fetch(name) if registry.cached(name) else _downloaded(sample)
    layers = read(str(path))
    show_info(f"{sample.title}: {sample.origin.credit}, {sample.origin.licence}.")
    return layers


def _downloaded(sample: Sample) -> Path:
    from napari.utils.notifications import show_info

    from napari_atomai.files import registry
    from napari_atomai.plugin.waiting import wait_for

    doing = f"downloading {sample.file} ({sample.size_in_words})"
    leaving = threading.Event()

    def watch(_: Progress) -> None:
        if leaving.is_set():
            raise Stopped(f"Stopped while {doing}.")

    def start() -> Generator[Progress, None, Path]:
        yield Progress(0, sample.size, doing)
        return registry.fetch(sample.name, progress=watch)

    show_info(f"Downloading {sample.file} ({sample.size_in_words}) once; it is kept for the next time.")
    try:
        return wait_for(start, doing)
    except AtomAIError as error:
        # napari prints and offers the whole way of an exception: of a worded one the last steps are enough.
        log.debug("%s failed", doing, exc_info=error)
        raise error.with_traceback(None) from None
    finally:
        leaving.set()
