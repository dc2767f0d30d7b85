"""Which engine runs a torch net, and the check that it gives what torch gives."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from napari_atomai.errors import BadModel, UnknownOption
from napari_atomai.files.weights import Weights
from napari_atomai.nets.registry import build_net
from napari_atomai.predictors.eager import TorchEngine
from napari_atomai.predictors.engines import KINDS, Engine, GraphEngine, NetFacts
from napari_atomai.predictors.graph import exported
from napari_atomai.predictors.half import OpenVinoEngine
from napari_atomai.predictors.probing import facts_of, is_built_in

TOLERANCE = {"onnx": 1e-4, "openvino": 2e-2}
"""Largest difference of a probability from torch in single precision that an engine may show on a probe."""

_FUSED = 0.85  # ONNX Runtime joins normalisation and rectifier to the convolution before them

_log = logging.getLogger(__name__)
_BUILT: WeakKeyDictionary[nn.Module, dict[str, tuple[bytes, Engine | None]]] = WeakKeyDictionary()


def engine_of(net: nn.Module, kind: str = "auto", *, device: str = "", channels: int = 0) -> Engine:
    """Return what runs a torch net.

    Parameters
    ----------
    net : torch.nn.Module
        Maps (n, channels, y, x) to (n, classes, y, x), before the sigmoid or softmax.
    kind : str
        "torch": any net, on any device. "onnx": ONNX Runtime on the CPU. "openvino": bfloat16 on the CPU.
        "auto": ONNX Runtime for the package's own nets on the CPU, else torch. An engine that does not give
        what torch gives on a probe is not used, and a warning is logged.
    device : str
        For torch; "" = where the net is.
    channels : int
        For a net that does not say its channels.

    Raises
    ------
    UnknownOption
        If there is no such kind.
    MissingExtra
        If OpenVINO is asked for and not installed.
    """
    if kind not in KINDS:
        raise UnknownOption("engine", kind, KINDS)
    eager = TorchEngine(net, device, channels)
    if kind == "auto":
        kind = "onnx" if is_built_in(net) and eager.device.type == "cpu" else "torch"
    for other in {"openvino": ("openvino", "onnx"), "onnx": ("onnx",), "torch": ()}[kind]:
        engine = _kept(net, other, channels)
        if engine is not None:
            return engine
    return eager


def engine_of_weights(weights: Weights) -> Engine:
    """Return what runs a model of any registered net.

    Raises
    ------
    BadModel
        If the weights do not fit the net that the card names.
    """
    card = weights.card
    net = build_net(card.net, card.net_options)
    try:
        tensors = {name: torch.from_numpy(array) for name, array in weights.tensors.items()}
        lost = net.load_state_dict(tensors, strict=False)
        # How many batches were seen says nothing to a net that is only used.
        wrong = [
            *lost.unexpected_keys,
            *(name for name in lost.missing_keys if not name.endswith("_tracked")),
        ]
    except RuntimeError as error:
        wrong = [str(error)]
    if wrong:
        raise BadModel(
            f"The weights of {card.name!r} do not fit its net {card.net!r}: {', '.join(wrong)}.",
            why="The card's options and the weights belong to different nets.",
            remedy="Choose a model file that napari-atomai wrote.",
        )
    return engine_of(net)


def weights_hash(net: nn.Module) -> bytes:
    """Return a hash of all parameters and buffers: another one after every step of training."""
    digest = hashlib.blake2b(digest_size=16)
    for name, value in net.state_dict().items():
        if isinstance(value, torch.Tensor):
            digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.digest()


def _kept(net: nn.Module, kind: str, channels: int) -> Engine | None:
    """Return the engine of a net as it is now; None if one was tried and is not to be trusted."""
    known = _BUILT.setdefault(net, {})
    now = weights_hash(net)
    if kind not in known or known[kind][0] != now:
        known[kind] = now, _checked(net, kind, facts_of(net, channels))
    return known[kind][1]


def _checked(net: nn.Module, kind: str, facts: NetFacts) -> Engine | None:
    """Build an engine and compare it with torch; None, and a warning, where it is not to be trusted."""
    build = {"onnx": _onnx, "openvino": _openvino}[kind]
    try:
        engine = build(net, facts)
        worst = difference(engine, TorchEngine(net, "cpu", facts.channels))
    except ImportError:
        raise  # what is missing, and how to get it
    except Exception as error:  # noqa: BLE001 - exporters and engines raise whatever they like
        _log.warning("The net %s is not run by %s: %s", type(net).__name__, kind, error)
        return None
    if worst <= TOLERANCE[kind]:
        return engine
    _log.warning(
        "The net %s is not run by %s: its probabilities differ by up to %.2g from torch's; %.2g is allowed.",
        type(net).__name__, kind, worst, TOLERANCE[kind],
    )  # fmt: skip
    return None


def _onnx(net: nn.Module, facts: NetFacts) -> Engine:
    fused = replace(facts, bytes_per_pixel=_FUSED * facts.bytes_per_pixel)
    return GraphEngine(_graph(net, facts), fused, type(net).__name__)


def _openvino(net: nn.Module, facts: NetFacts) -> Engine:
    return OpenVinoEngine(_graph(net, facts), facts)


def _graph(net: nn.Module, facts: NetFacts) -> bytes:
    return exported(net, facts.classes, facts.channels, 4 * facts.multiple)


def difference(engine: Engine, reference: Engine) -> float:
    """Return the largest difference between two engines on two images of another size than any traced."""
    facts = reference.facts
    side = -(-40 // facts.multiple) * facts.multiple
    shape = (2, facts.channels, side, side + facts.multiple)
    probe = np.random.default_rng(0).random(shape, np.float32)
    worst = float(np.abs(engine(probe) - reference(probe)).max())
    return worst if np.isfinite(worst) else float("inf")
