"""OpenVINO in bfloat16: half the time of ONNX Runtime on recent CPUs, at two to three digits. An extra.

Tiles, too, equal the whole image to these digits only.
"""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any

import numpy as np

from napari_atomai.errors import MissingExtra
from napari_atomai.predictors.engines import BaseEngine, Batch, NetFacts


class OpenVinoEngine(BaseEngine):
    """An ONNX graph in OpenVINO on the CPU. Can be sent to another process.

    Parameters
    ----------
    content : bytes
        The graph, from "image" to probabilities.
    facts : NetFacts
        Of its net.

    Raises
    ------
    MissingExtra
        If OpenVINO is not installed.
    """

    def __init__(self, content: bytes, facts: NetFacts) -> None:
        super().__init__(facts)
        self.content = content
        self._compiled = _compiled(content)

    def __call__(self, batch: Batch) -> Batch:
        """Map (n, channels, y, x) to probabilities (n, classes, y, x)."""
        result = self._compiled({"image": np.ascontiguousarray(batch, np.float32)})[0]
        return np.array(result, np.float32)

    def rest(self) -> None:
        """Give back the memory kept for the next batch."""
        self._compiled.release_memory()

    def __getstate__(self) -> dict[str, Any]:
        return {"content": self.content, "facts": self.facts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._compiled = _kept(self.content)


def _compiled(content: bytes) -> Any:
    try:
        openvino = importlib.import_module("openvino")
    except ImportError as error:
        raise MissingExtra(
            "OpenVINO is not installed.",
            why="The engine 'openvino' runs nets in it, in bfloat16.",
            remedy="pip install openvino, or choose the engine 'auto'.",
        ) from error
    core = openvino.Core()
    options = {"INFERENCE_PRECISION_HINT": "bf16", "PERFORMANCE_HINT": "LATENCY"}
    return core.compile_model(core.read_model(content, b""), "CPU", options)


_kept = lru_cache(maxsize=2)(_compiled)
