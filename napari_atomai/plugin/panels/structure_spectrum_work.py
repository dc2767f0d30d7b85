"""What the Structure-spectrum panel has done in the background, and the layers that come of it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from numpy.typing import NDArray

from napari_atomai.data.progress import Progress
from napari_atomai.plugin.job_slots import NOTHING
from napari_atomai.plugin.layers import KEY, find_layer, geometry_like, image_layer_data, uid_of
from napari_atomai.plugin.process import Outcome, ProcessTask

if TYPE_CHECKING:
    from napari_atomai.data.image import Image
    from napari_atomai.data.recipes_spectra import TrainImSpec
    from napari_atomai.prepare.pairs import StructureSpectra
    from napari_atomai.workflow.imspec import ImSpecResult

Walk = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]

MODULE = "napari_atomai.workflow.imspec_process"
ROLE = "imspec map"


@dataclass(frozen=True, eq=False)
class Seen:
    """A result with what is shown of it, computed in the background."""

    result: ImSpecResult
    errors: NDArray[np.float64]
    latents: NDArray[np.float64]
    walks: tuple[Walk, ...]
    losses: dict[str, list[float]]


def train(
    slot: Any,
    layer: Any,
    both: tuple[Image, Image],
    recipe: TrainImSpec,
    mask: NDArray[np.bool_] | None = None,
) -> bool:
    """Cut pairs of an image and spectra in a thread, train in a process, look at the result in a thread.

    Each begins when the one before it ended well; the result, a `Seen`, lies in the slot under the layer of
    the spectra.
    """

    def cutting() -> Generator[Progress, None, StructureSpectra]:
        from napari_atomai.workflow.imspec import cutting_pairs

        return cutting_pairs(*both, recipe, mask=mask)

    def cut(pairs: StructureSpectra, there: Any) -> Any:
        from napari_atomai.workflow.pairs_task import arrays_of, description_of

        task = ProcessTask(MODULE, description_of(pairs, recipe), arrays_of(pairs))
        losses: dict[str, list[float]] = {}
        collect = _collecting(losses)
        slot.progressed.connect(collect)

        def trained(outcome: Outcome, again: Any) -> Any:
            slot.progressed.disconnect(collect)
            work = _looking(outcome, pairs, recipe, losses)
            slot.start(again, work, "looking at the result")
            return NOTHING

        slot.start_process(there, task, "training", trained)
        return NOTHING

    return bool(slot.start(layer, cutting, "cutting pairs", cut))


def show_map(layers: Any, layer: Any, values: NDArray[Any] | None, name: str) -> None:
    """Lay a map over the spectrum image, in place of the last one; None takes it away."""
    old = find_layer(layers, ROLE, uid_of(layer))
    if values is None:
        if old is not None:
            layers.remove(old)
        return
    finite = values[np.isfinite(values)]
    limits = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    limits = limits if limits[1] > limits[0] else (limits[0], limits[0] + 1)
    if old is not None:
        old.data, old.contrast_limits, old.name = values, limits, f"{layer.name}: {name}"
        return
    made = ImageLayer(
        values,
        name=f"{layer.name}: {name}",
        colormap="viridis",
        contrast_limits=limits,
        metadata={KEY: {"role": ROLE, "parent_uid": uid_of(layer)}},
        **geometry_like(layer, ndim=2),
    )
    uid_of(made)
    layers.append(made)


def opened(path: Path) -> Any:
    """Return a model that was saved; torch is loaded for it."""
    from napari_atomai.models.imspec import ImSpec

    return ImSpec.load(path)


def predict(slot: Any, layer: Any, image: Image, model: Callable[[], Any]) -> bool:
    """Predict a spectrum image for an image, as a new layer; the model is made in the background."""

    def work() -> Generator[Progress, None, Image]:
        from napari_atomai.workflow.imspec import predict_spectra

        yield Progress(0, 0, "predicting spectra")
        return predict_spectra(model(), image)

    return bool(slot.start(layer, work, "predicting spectra", _added(slot)))


def _added(slot: Any) -> Callable[[Any, Any], Any]:
    def done(predicted: Image, _layer: Any) -> Any:
        data, options, _ = image_layer_data(predicted)
        slot.layers.append(ImageLayer(data, **options))
        slot.said.emit("", f"Predicted {predicted.shape[1]} x {predicted.shape[2]} spectra as a new layer.")
        return NOTHING

    return done


def _looking(
    outcome: Outcome, pairs: StructureSpectra, recipe: TrainImSpec, losses: dict[str, list[float]]
) -> Callable[[], Generator[Progress, None, Seen]]:
    def work() -> Generator[Progress, None, Seen]:
        from napari_atomai.workflow.imspec_process import result_of

        yield Progress(0, 0, "looking at the result")
        result = result_of(outcome.folder, outcome.summary, pairs, recipe)
        walks = tuple(result.along(latent) for latent in range(result.model.latent_dim))
        return Seen(result, result.error_map(), result.latent_maps(), walks, losses)

    return work


def _collecting(losses: dict[str, list[float]]) -> Callable[[Progress], None]:
    def collect(progress: Progress) -> None:
        for name, value in progress.losses.items():
            losses.setdefault(name, []).append(value)

    return collect
