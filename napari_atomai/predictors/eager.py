"""The engine for any torch net on any device."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from napari_atomai.errors import BadOption
from napari_atomai.predictors.engines import BaseEngine, Batch
from napari_atomai.predictors.probing import evaluating, facts_of

_SLACK = 1.5  # kernels keep a second copy of what they work on


class TorchEngine(BaseEngine):
    """A net in torch. It is used as it is now, each time, and is left in the mode it was in.

    Parameters
    ----------
    net : torch.nn.Module
        Maps (n, channels, y, x) to (n, classes, y, x), before the sigmoid or softmax.
    device : str
        Where to run it; "" = where it is. On another device a copy runs.
    channels : int
        For a net that does not say its channels.
    """

    def __init__(self, net: nn.Module, device: str = "", channels: int = 0) -> None:
        facts = facts_of(net, channels)
        super().__init__(replace(facts, bytes_per_pixel=_SLACK * facts.bytes_per_pixel))
        first = next(net.parameters(), None)
        here = first.device if first is not None else torch.device("cpu")
        self.device = _device(device) if device else here
        # Moving the net itself would take it away from whoever trains it.
        self.net = net if _same(self.device, here) else copy.deepcopy(net).to(self.device)
        self._kind = first.dtype if first is not None else torch.float32

    def __call__(self, batch: Batch) -> Batch:
        """Map (n, channels, y, x) to probabilities (n, classes, y, x)."""
        # no_grad, not inference_mode: what a net keeps from here could not be trained on later.
        with torch.no_grad(), evaluating(self.net) as net:
            image = torch.from_numpy(np.ascontiguousarray(batch, np.float32)).to(self.device, self._kind)
            out = probabilities(net(image.contiguous(memory_format=torch.channels_last)))
        result: Batch = out.float().contiguous().cpu().numpy()
        return result

    def rest(self) -> None:
        """Give back the memory kept for the next batch."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def probabilities(out: torch.Tensor) -> torch.Tensor:
    """Turn a net's output (n, classes, y, x) into probabilities: a sigmoid for one class, else a softmax."""
    return torch.sigmoid(out) if out.shape[1] == 1 else torch.softmax(out, dim=1)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise BadOption(
            f"There is no device {name!r}: {error}",
            remedy='Give "cpu", or "" for where the net is; "cuda" needs a GPU and its torch.',
        ) from error
    return device


def _same(one: torch.device, other: torch.device) -> bool:
    """Whether two devices are one; "cuda" is the first of them."""
    return one.type == other.type and (one.index or 0) == (other.index or 0)
