"""In which precision small convolutional nets are trained where nobody says."""

from __future__ import annotations

from typing import Any, Literal

import torch

from napari_atomai.trainers.devices import choose_device

_FAST = ("avx512_bf16", "amx_bf16")


def usual_precision(device: str = "auto") -> Literal["32", "bf16"]:
    """Return "bf16" on a CPU whose processor multiplies bfloat16 itself, else "32".

    Weights, sums and batch statistics stay in 32 bits (mixed precision: Micikevicius et al.,
    arXiv:1710.03740; bfloat16: Kalamkar et al., arXiv:1905.12322). On GPUs it is left to who trains.

    Parameters
    ----------
    device : str
        As in `napari_atomai.trainers.options.TrainingOptions`.
    """
    if choose_device(device).type != "cpu":
        return "32"
    told: Any = getattr(torch.cpu, "get_capabilities", dict)  # not every torch that will do can tell
    able = told()
    return "bf16" if any(able.get(name, False) for name in _FAST) else "32"


def usual_mixing() -> torch.autocast:
    """Return the context in which a net on the CPU runs in its `usual_precision`.

    Where the processor cannot multiply bfloat16 itself, torch imitates it, ten times slower than 32 bits.
    """
    return torch.autocast("cpu", torch.bfloat16, enabled=usual_precision("cpu") == "bf16")
