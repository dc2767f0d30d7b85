"""Nets: torch modules and nothing else, behind one registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_atomai._names import loaded_when_touched

if TYPE_CHECKING:
    from napari_atomai.nets.registry import build_net, describe_net, names, register

_HOMES = {
    "build_net": "napari_atomai.nets.registry",
    "describe_net": "napari_atomai.nets.registry",
    "names": "napari_atomai.nets.registry",
    "register": "napari_atomai.nets.registry",
}

__all__ = ["build_net", "describe_net", "names", "register"]

__getattr__, __dir__ = loaded_when_touched(__name__, _HOMES)
