"""What is written down about a net that gives a class to every pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from torch import nn

from napari_atomai.data.arguments import shown
from napari_atomai.data.card import ModelCard
from napari_atomai.errors import BadOption
from napari_atomai.locate.neighbours import nearest_distances
from napari_atomai.nets.registry import describe_net
from napari_atomai.prepare.scaling import Scaling
from napari_atomai.trainers.options import TrainingOptions

_NEAREST, _FARTHEST = 0.6, 1.6
"""A net is taken to know atoms at this share of the spacing that it was trained at, to that."""


def segmentation_card(
    name: str,
    net: nn.Module,
    *,
    classes: Sequence[str],
    scaling: Scaling,
    options: TrainingOptions,
    spacing: float,
    metrics: Mapping[str, float],
) -> ModelCard:
    """Return the card of a net that was trained on labelled images.

    Parameters
    ----------
    name : str
        Of the model.
    net : torch.nn.Module
        Of a registered class.
    classes : sequence of str
        Names of the classes without the background.
    scaling : Scaling
        Of intensities.
    options : TrainingOptions
        How it was trained.
    spacing : float
        Distance of neighbouring atoms in its labels, in pixels; 0 = not known.
    metrics : mapping of str to float
        How good it was.

    Raises
    ------
    BadModel
        If the net has no name by which it could be built again.
    """
    if not isinstance(name, str):
        raise BadOption(f"The name is {shown(name)}.", remedy="Give a word by which the model is known.")
    kind, net_options = describe_net(net)
    lengths = {}
    if spacing > 0:
        lengths = {
            "spacing_best": spacing,
            "spacing_min": _NEAREST * spacing,
            "spacing_max": _FARTHEST * spacing,
        }
    return ModelCard(
        name=name,
        net=kind,
        net_options=net_options,
        classes=tuple(classes),
        **lengths,
        spacing_known=spacing > 0,
        task="segmentation",
        background="none" if int(net_options.get("classes", 1)) == 1 else "last",
        scaling=scaling.model_dump(mode="json"),
        loss=options.loss,
        training=options.model_dump(mode="json"),
        metrics={key: value for key, value in metrics.items() if math.isfinite(value)},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def label_spacing(labels: NDArray[Any], nb_classes: int, most: int = 16) -> float:
    """Return the median distance between neighbouring atoms in labels, in pixels; 0 if there are no two.

    Parameters
    ----------
    labels : array of int, shape (n, y, x)
        As in training: 1 is an atom where `nb_classes` is 1, else all below the last class.
    nb_classes : int
        How many output channels the net has.
    most : int
        So many images are looked at.
    """
    chosen = np.linspace(0, len(labels) - 1, min(most, len(labels))).astype(int)
    found = [_distances(labels[index], nb_classes) for index in chosen]
    distances = np.concatenate([np.empty(0), *found])
    distances = distances[np.isfinite(distances)]
    return float(np.median(distances)) if distances.size else 0.0


def _distances(label: NDArray[Any], nb_classes: int) -> NDArray[np.float64]:
    """Distance from every blob that lies whole in the image to the nearest other one."""
    atoms = (1,) if nb_classes == 1 else range(nb_classes - 1)
    centres, whole = [np.empty((0, 2))], [np.empty(0, np.bool_)]
    for each in atoms:
        blobs, count = ndimage.label(label == each)
        where = ndimage.center_of_mass(np.ones(label.shape), blobs, np.arange(1, count + 1))
        centres.append(np.array(where).reshape(-1, 2))
        cut = np.concatenate([blobs[[0, -1]].ravel(), blobs[:, [0, -1]].ravel()])
        whole.append(~np.isin(np.arange(1, count + 1), cut))
    found: NDArray[np.float64] = nearest_distances(np.concatenate(centres))[np.concatenate(whole)]
    return found
