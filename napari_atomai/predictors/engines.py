"""Engines: what runs a net. ONNX Runtime on CPU, which starts in a third of a second."""

from __future__ import annotations

from typing import Protocol
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from napari_atomai.errors import BadModel
from napari_atomai.files.weights import Weights
from napari_atomai.predictors.graph import unet_graph

Batch = NDArray[np.float32]


class Engine(Protocol):
    """Runs a net on a batch."""

    multiple: int
    """Rows and columns must be a multiple of this."""

    halo: int
    """How many pixels around a pixel can have a say in its result, at most."""

    def __call__(self, batch: Batch) -> Batch:
        """Map (n, channels, y, x) to probabilities (n, classes, y, x)."""


class OnnxEngine:
    """A net in ONNX Runtime on the CPU.

    Parameters
    ----------
    weights : Weights
        The net's card and weights.

    Raises
    ------
    BadModel
        If the card names a net that this engine does not know, or weights that do not fit it.
    """

    def __init__(self, weights: Weights) -> None:
        # Imported here: a panel opens without it.
        import onnxruntime

        filters, layers, bottleneck = _unet_options(weights)
        self.multiple = 2 ** len(filters)
        self.halo = _halo(len(filters), layers, bottleneck)
        options = onnxruntime.SessionOptions()
        # Spinning threads would take the core that the window needs; the arena never gives memory back.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        content = unet_graph(weights.tensors, filters, layers, bottleneck)
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises classes of its own, without a common root
            raise BadModel(
                f"ONNX Runtime refuses the model {weights.card.name!r}: {error}",
                remedy="Choose a model file that napari-atomai wrote.",
            ) from error

    def __call__(self, batch: Batch) -> Batch:
        """Map (n, channels, y, x) to probabilities (n, classes, y, x)."""
        result: Batch = self._session.run(None, {"image": np.ascontiguousarray(batch, np.float32)})[0]
        return result


def _unet_options(weights: Weights) -> tuple[list[int], int, list[int]]:
    card = weights.card
    if card.net != "unet":
        raise BadModel(
            f"The model {card.name!r} is a net called {card.net!r}.",
            why="This version runs U-Nets.",
            remedy="Choose another model, or update napari-atomai.",
        )
    try:
        filters = [int(n) for n in card.net_options["filters"]]
        bottleneck = [int(n) for n in card.net_options["bottleneck"]]
        return filters, int(card.net_options["layers"]), bottleneck
    except (KeyError, TypeError, ValueError) as error:
        raise BadModel(
            f"The card of {card.name!r} does not say how its U-Net is built: {error!r}.",
            remedy="Choose a model file that napari-atomai wrote.",
        ) from error


def _halo(levels: int, layers: int, bottleneck: list[int]) -> int:
    """Half the receptive field, rounded up to a multiple of the coarsest step."""
    steps = [2 ** (i + 1) for i in range(levels)]
    reach = 3 + sum(2 * layers * step for step in steps[:-1]) + sum(bottleneck) * steps[-1]
    reach += sum(steps[1:]) + 2
    return int(-(-reach // steps[-1]) * steps[-1])


_ENGINES: WeakKeyDictionary[Weights, OnnxEngine] = WeakKeyDictionary()


def engine_for(weights: Weights) -> OnnxEngine:
    """Return the engine of a model; it is built once and lives as long as the weights do."""
    engine = _ENGINES.get(weights)
    if engine is None:
        engine = _ENGINES[weights] = OnnxEngine(weights)
    return engine
