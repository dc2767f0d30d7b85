"""Engines: what runs a net. ONNX Runtime on CPU, which starts in a third of a second."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.card import ModelCard
from napari_atomai.errors import BadModel
from napari_atomai.files.weights import Weights
from napari_atomai.predictors.graph import unet_graph

Batch = NDArray[np.float32]
KINDS = ("auto", "torch", "onnx", "openvino")
"""Names of engines that can be asked for."""

_log = logging.getLogger(__name__)
_DRAWN = {"stem": "unshuffle", "norm": "batch", "activation": "relu"}
_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate", "failed to allocate", "bad_alloc")


@dataclass(frozen=True)
class NetFacts:
    """What has to be known of a net to cut images for it.

    Parameters
    ----------
    channels, classes : int
        Channels of the image and of the result.
    multiple : int
        Rows and columns must be a multiple of this, and tiles start at one.
    halo : int
        How many pixels around a pixel can have a say in its result, at most; a multiple of `multiple`.
    whole : bool
        Whether every pixel has a say in every result (instance normalisation ...), or the place in the
        image does. Then no overlap makes tiles give exactly what the whole image gives.
    bytes_per_pixel : float
        Memory at work for each pixel of the image, about.
    """

    channels: int
    classes: int
    multiple: int
    halo: int
    whole: bool = False
    bytes_per_pixel: float = 512.0


class Engine(Protocol):
    """Runs a net on a batch."""

    facts: NetFacts
    """What has to be known of the net."""

    @property
    def multiple(self) -> int:
        """Rows and columns must be a multiple of this."""

    @property
    def halo(self) -> int:
        """How many pixels around a pixel can have a say in its result, at most."""

    def __call__(self, batch: Batch) -> Batch:
        """Map (n, channels, y, x) to probabilities (n, classes, y, x).

        Raises
        ------
        MemoryError, RuntimeError
            If the memory does not do; see `out_of_memory`.
        """

    def rest(self) -> None:
        """Give back the memory kept for the next batch."""


class BaseEngine:
    """What all engines share: the facts of their net."""

    def __init__(self, facts: NetFacts) -> None:
        self.facts = facts

    @property
    def multiple(self) -> int:
        """Rows and columns must be a multiple of this."""
        return self.facts.multiple

    @property
    def halo(self) -> int:
        """How many pixels around a pixel can have a say in its result, at most."""
        return self.facts.halo

    def rest(self) -> None:
        """Give back the memory kept for the next batch."""


class GraphEngine(BaseEngine):
    """An ONNX graph in ONNX Runtime on the CPU. Can be sent to another process.

    Parameters
    ----------
    content : bytes
        The graph, from "image" to probabilities.
    facts : NetFacts
        Of its net.
    name : str
        Of the model, for messages.

    Raises
    ------
    BadModel
        If ONNX Runtime refuses the graph.
    """

    def __init__(self, content: bytes, facts: NetFacts, name: str) -> None:
        super().__init__(facts)
        self.content = content
        self.name = name
        self._session = _session(content, name)

    def __call__(self, batch: Batch) -> Batch:
        """Map (n, channels, y, x) to probabilities (n, classes, y, x)."""
        return self._run(batch, None)

    def rest(self) -> None:
        """Give back the memory kept for the next batch."""
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        side = 2 * self.facts.multiple
        self._run(np.zeros((1, self.facts.channels, side, side), np.float32), options)

    def _run(self, batch: Batch, options: Any) -> Batch:
        try:
            inputs = {"image": np.ascontiguousarray(batch, np.float32)}
            result: Batch = self._session.run(None, inputs, options)[0]
        except Exception as error:  # ONNX Runtime raises classes of its own, without a common root
            if out_of_memory(error):
                raise MemoryError(str(error)) from error
            raise
        return result

    def __getstate__(self) -> dict[str, Any]:
        return {"content": self.content, "facts": self.facts, "name": self.name}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._session = _kept_session(self.content, self.name)  # a worker gets the same one many times


class OnnxEngine(GraphEngine):
    """A U-Net straight from its weights, without torch.

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
        filters, layers, bottleneck = _unet_options(weights)
        content = unet_graph(weights.tensors, filters, layers, bottleneck)
        shapes = weights.tensors["stem.weight"].shape[1], len(weights.tensors["head.weight"]) // 4
        facts = NetFacts(
            *shapes,
            multiple=2 ** len(filters),
            halo=_halo(len(filters), layers, bottleneck),
            bytes_per_pixel=5.0 * filters[0] + 8 * sum(shapes),
        )
        super().__init__(content, facts, weights.card.name)


def _session(content: bytes, name: str) -> Any:
    # Imported here: a panel opens without it.
    import onnxruntime

    _share_arena()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")
    # Spinning threads would take the core that the window needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Planned blocks for whole shapes take twice the memory, since tiles at the border have other shapes.
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises classes of its own, without a common root
        raise BadModel(
            f"ONNX Runtime refuses the model {name!r}: {error}",
            remedy="Choose a model file that napari-atomai wrote.",
        ) from error


@lru_cache(maxsize=1)
def _share_arena() -> None:
    """Have all sessions take memory from one place, as much as they ask for, that gives it back at rest.

    A session's own doubles what it takes each time, and keeps the first half for good.
    """
    import onnxruntime as ort

    kind = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    as_asked = {
        "max_mem": 0, "arena_extend_strategy": 1, "initial_chunk_size_bytes": -1,
        "max_dead_bytes_per_chunk": -1,
    }  # fmt: skip
    try:
        ort.create_and_register_allocator(kind, ort.OrtArenaCfg(as_asked))
    except Exception as error:  # noqa: BLE001 - classes of its own; another library may have been first
        _log.info("ONNX Runtime keeps the memory arena it has: %s", error)


_kept_session = lru_cache(maxsize=2)(_session)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not do; torch, CUDA and ONNX Runtime say it in words only."""
    words = str(error).lower()
    return isinstance(error, MemoryError) or any(phrase in words for phrase in _NO_MEMORY)


def is_drawn(card: ModelCard) -> bool:
    """Whether the net of a card is a U-Net that `OnnxEngine` draws without torch."""
    return card.net == "unet" and all(card.net_options.get(k, v) == v for k, v in _DRAWN.items())


def _unet_options(weights: Weights) -> tuple[list[int], int, list[int]]:
    card = weights.card
    if not is_drawn(card):
        raise BadModel(
            f"The model {card.name!r} is a net called {card.net!r} with options {card.net_options}.",
            why=f"Without torch only U-Nets are run, and only such with {_DRAWN}.",
            remedy="Choose another model, or pip install 'napari-atomai[train]'.",
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


_ENGINES: WeakKeyDictionary[Weights, Engine] = WeakKeyDictionary()


def engine_for(weights: Weights) -> Engine:
    """Return the engine of a model; it is built once and lives as long as the weights do.

    Raises
    ------
    BadModel
        If card and weights do not fit each other, or the net needs torch, which is not installed.
    """
    engine = _ENGINES.get(weights)
    if engine is None:
        engine = _ENGINES[weights] = OnnxEngine(weights) if is_drawn(weights.card) else _by_torch(weights)
    return engine


def _by_torch(weights: Weights) -> Engine:
    try:
        from napari_atomai.predictors.choosing import engine_of_weights
    except ImportError:
        return OnnxEngine(weights)  # says what is missing
    return engine_of_weights(weights)
