"""Checkpoints as AtomAI 0.8.1 writes them: its names and shapes, with weights that anybody can work out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

Shapes = dict[str, tuple[int, ...]]


def _layers(part: str, kind: str, into: int, out: int, count: int, *, dropout: bool = False) -> Shapes:
    shapes: Shapes = {}
    for i in range(count):
        at = i * (3 + dropout)
        shapes |= _conv(f"{part}.{kind}.{at}", out if i else into, out, 3)
        shapes |= _norm(f"{part}.{kind}.{at + 2 + dropout}", out)
    return shapes


def _residual(part: str, into: int, out: int, count: int) -> Shapes:
    shapes: Shapes = {}
    for i in range(count):
        head = f"{part}.res_module.{i}"
        shapes |= _conv(f"{head}.c0", out if i else into, out, 1)
        shapes |= _conv(f"{head}.c1", out, out, 3) | _conv(f"{head}.c2", out, out, 3)
        shapes |= _norm(f"{head}.bn1", out) | _norm(f"{head}.bn2", out)
    return shapes


def _conv(name: str, into: int, out: int, size: int) -> Shapes:
    return {f"{name}.weight": (out, into, size, size), f"{name}.bias": (out,)}


def _norm(name: str, count: int) -> Shapes:
    several = {f"{name}.{part}": (count,) for part in ("weight", "bias", "running_mean", "running_var")}
    return {**several, f"{name}.num_batches_tracked": ()}


def unet(f: int, classes: int, *, dilated: bool = False, dropout: bool = False) -> Shapes:
    """Layers [1, 2, 2, 3]."""
    bottom = "atrous_module" if dilated else "block"
    return {
        **_layers("c1", "block", 1, f, 1),
        **_layers("c2", "block", f, 2 * f, 2),
        **_layers("c3", "block", 2 * f, 4 * f, 2, dropout=dropout),
        **_layers("bn", bottom, 4 * f, 8 * f, 3, dropout=dropout),
        **_conv("upsample_block1.conv", 8 * f, 4 * f, 1),
        **_layers("c4", "block", 8 * f, 4 * f, 2, dropout=dropout),
        **_conv("upsample_block2.conv", 4 * f, 2 * f, 1),
        **_layers("c5", "block", 4 * f, 2 * f, 2),
        **_conv("upsample_block3.conv", 2 * f, f, 1),
        **_layers("c6", "block", 2 * f, f, 1),
        **_conv("px", f, classes, 1),
    }


def dilnet(f: int, classes: int) -> Shapes:
    """Layers [1, 3, 2, 1]."""
    return {
        **_layers("c1", "block", 1, f, 1),
        **_layers("at1", "atrous_module", f, 2 * f, 3),
        **_layers("at2", "atrous_module", 2 * f, 2 * f, 2),
        **_conv("up1.conv", 2 * f, f, 1),
        **_layers("c2", "block", 2 * f, f, 1),
        **_conv("px", f, classes, 1),
    }


def segresnet(f: int, classes: int) -> Shapes:
    """Layers [1, 2, 3]."""
    return {
        **_layers("c1", "block", 1, f, 1),
        **_residual("c2", f, 2 * f, 1),
        **_residual("bn", 2 * f, 4 * f, 2),
        **_conv("upsample_block1.conv", 4 * f, 2 * f, 1),
        **_residual("c3", 4 * f, 2 * f, 3),
        **_conv("upsample_block2.conv", 2 * f, f, 1),
        **_layers("c4", "block", 2 * f, f, 1),
        **_conv("px", f, classes, 1),
    }


def reshednet(f: int, classes: int) -> Shapes:
    """Layers [1, 2, 1]."""
    shapes = {
        **_residual("net1", 1, f, 1),
        **_residual("net2.1", f, 2 * f, 2),
        **_residual("net3.1", 2 * f, 4 * f, 1),
    }
    for i in range(3):
        shapes |= _conv(f"net{i + 1}score.0", f << i, classes, 1) | _norm(f"net{i + 1}score.1", classes)
    return {**shapes, **_conv("out", 3 * classes, classes, 1)}


def weights(shapes: Shapes) -> dict[str, torch.Tensor]:
    """Sines, of the size that keeps a net lively."""
    made = {}
    for number, (name, shape) in enumerate(shapes.items()):
        count = int(np.prod(shape))
        wave = torch.sin(torch.arange(count, dtype=torch.float64) * 1.7 + number).float().reshape(shape)
        if name.endswith("num_batches_tracked"):
            made[name] = torch.tensor(3)
        elif name.endswith("running_var"):
            made[name] = 1 + 0.5 * wave
        elif len(shape) == 4:
            made[name] = wave * (2 / np.prod(shape[1:])) ** 0.5
        else:
            made[name] = 0.5 * wave + (0.7 if name.endswith("weight") else 0.0)
    return made


def image() -> torch.Tensor:
    """Shape (1, 1, 16, 24)."""
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(24.0), indexing="ij")
    return (torch.sin(rows * 0.9) * torch.cos(columns * 0.7) + 0.3 * torch.sin(rows * columns))[None, None]


def checkpoint(model: str, classes: int, content: dict[str, torch.Tensor], **more: Any) -> dict[str, Any]:
    """What AtomAI puts into the file."""
    return {
        "model_type": "seg",
        "model": model,
        "nb_classes": classes,
        "batch_norm": True,
        "dropout": False,
        "upsampling": "bilinear",
        "nb_filters": 16,
        "layers": [1, 2, 2, 3],
        "weights": content,
        "optimizer": None,
        **more,
    }
