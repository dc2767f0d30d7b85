"""What has to be known of a torch net before images are cut for it: measured on small probes."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from napari_atomai.errors import BadModel, BadOption
from napari_atomai.predictors.engines import NetFacts
from napari_atomai.predictors.pieces import round_up

LONGEST = 2048
"""Reach of a net, in pixels, beyond which it counts as seeing the whole image."""

OVERLAP = 128
"""Overlap of tiles where none makes them exact."""

_STEPS = (1, 2, 4, 8, 16, 32, 64)
_BLOCK = 16  # channels that kernels keep together, filled up with nothing
_NARROW = (1, 2, 4)
_SAME = 1e-9
_FEWEST_BYTES = 64.0
_ONE_AT_A_TIME = RLock()
_FACTS: WeakKeyDictionary[nn.Module, tuple[object, NetFacts]] = WeakKeyDictionary()


@contextmanager
def evaluating(net: nn.Module) -> Iterator[nn.Module]:
    """Put a net into evaluation, and every part of it back into the mode it was in afterwards."""
    with _ONE_AT_A_TIME:  # a second thread would find the modes of the first and put those back
        modes = [(part, part.training) for part in net.modules()]
        try:
            yield net.eval()
        finally:
            for part, training in modes:
                part.training = training


def is_built_in(net: nn.Module) -> bool:
    """Whether a net is one of the package's own."""
    return type(net).__module__.startswith("napari_atomai.")


def facts_of(net: nn.Module, channels: int = 0) -> NetFacts:
    """Return what has to be known of a net; measured once.

    Parameters
    ----------
    net : torch.nn.Module
        Maps (n, channels, y, x) to (n, classes, y, x). May say its ``channels``, its ``multiple``, and by a
        ``halo`` of None that the whole image has a say; the rest is measured.
    channels : int
        For a net that does not say it.

    Raises
    ------
    BadOption
        If the channels are not known.
    BadModel
        If the net does not give a map of the image's size.
    """
    channels = channels or int(getattr(net, "channels", 0))
    if not channels:
        raise BadOption(
            f"The net, a {type(net).__name__}, does not say how many channels its images have.",
            remedy="Give channels=1 (or as many as they are), or give the net an attribute 'channels'.",
        )
    key = channels, [(name, tuple(value.shape)) for name, value in net.state_dict().items()]
    known = _FACTS.get(net)
    if known is None or known[0] != key:
        known = _FACTS[net] = (key, _measured(net, channels))
    return known[1]


def _measured(net: nn.Module, channels: int) -> NetFacts:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        plain = _plain(net)
        said = getattr(net, "multiple", None)
        probe = _Probe(plain, channels)
        for multiple in _STEPS if said is None else (int(said),):
            facts = probe.facts(multiple, local=getattr(net, "halo", 0) is not None)
            if facts is not None and (said is not None or not facts.whole):
                return facts
        # No step makes tiles exact: the smallest one that the net takes.
        found = (probe.facts(multiple, local=False) for multiple in _STEPS)
        facts = None if said else next((one for one in found if one is not None), None)
    if facts is None:
        side = 4 * (int(said) if said else _STEPS[-1])
        raise BadModel(
            f"The net, a {type(net).__name__}, gives {probe.saw} for an image of {side} × {side} pixels "
            f"with {channels} channels.",
            why="A map needs (images, classes, rows, columns) with the rows and columns of the image.",
            remedy="Check the net's channels and its attribute 'multiple', which sizes are a multiple of.",
        )
    return facts


def _plain(net: nn.Module) -> nn.Module:
    """Return a copy in evaluation and double precision: its convolutions are not blocked or transformed."""
    return copy.deepcopy(net).to("cpu", torch.float64).eval()


class _Probe:
    """Measures a copy of a net, which is in double precision."""

    def __init__(self, net: nn.Module, channels: int) -> None:
        self.net = net
        self.channels = channels
        self.saw = "nothing"
        self._narrow = 1
        self._random = torch.Generator().manual_seed(0)

    def facts(self, multiple: int, *, local: bool) -> NetFacts | None:
        """Return the facts of a net, if it takes this multiple; `local` if its reach is to be measured."""
        # Not a multiple of more than asked for, nor so small that the coarsest level has a single pixel.
        side = multiple * (5 if multiple > 1 else 67)
        live = _Live()
        with live.watching(self.net):
            out = self._map(side, side)
        if out is None:
            return None
        self._narrow = next((rows for rows in _NARROW if self._map(rows * multiple, side) is not None), 5)
        halo = self._halo(multiple) if local else None
        if halo is not None and not self._tiles(multiple, halo):
            halo = None  # the place in the image has a say
        return NetFacts(
            channels=self.channels,
            classes=int(out.shape[1]),
            multiple=multiple,
            halo=round_up(OVERLAP, multiple) if halo is None else halo,
            whole=halo is None,
            bytes_per_pixel=max(live.peak / 2 / side**2, _FEWEST_BYTES),
        )

    def _map(self, rows: int, columns: int) -> torch.Tensor | None:
        image = torch.rand((1, self.channels, rows, columns), generator=self._random, dtype=torch.float64)
        try:
            out = self.net(image)
        except (RuntimeError, ValueError) as error:
            self.saw = f"an error ({error})"
            return None
        if not isinstance(out, torch.Tensor) or out.ndim != 4 or out.shape[2:] != image.shape[2:]:
            self.saw = str(tuple(out.shape)) if isinstance(out, torch.Tensor) else type(out).__name__
            return None
        return out

    def _halo(self, multiple: int) -> int | None:
        """Return how far one step of pixels has a say; None if everywhere.

        Pixels that are not a number make all they touch the same, also where a weight happens to be zero
        or a rectifier closed, which a gradient would not show.
        """
        length = max(512, 32 * multiple)
        while length <= 4 * LONGEST:
            reach = max(self._reach(multiple, length, tall) for tall in (False, True))
            if reach < length // 2 - multiple:
                return round_up(reach, multiple)
            length *= 2
        return None

    def _reach(self, multiple: int, length: int, tall: bool) -> int:
        strip = self._strip(multiple, length)
        start = length // 2 // multiple * multiple
        strip[..., start : start + multiple] = torch.nan
        touched = self._run(strip, tall).isnan().any(dim=(0, 1, 2)).nonzero().flatten()
        if len(touched) == 0:
            return length  # the net hides what is not a number: nothing is known
        return max(start - int(touched[0]), int(touched[-1]) - (start + multiple - 1))

    def _tiles(self, multiple: int, halo: int) -> bool:
        """Whether a part with its halo gives what the whole gives there."""
        before = halo + 3 * multiple
        strip = self._strip(multiple, before + multiple + halo + 3 * multiple)
        for tall in (False, True):
            whole = self._run(strip, tall)[..., before : before + multiple]
            part = self._run(strip[..., before - halo : before + multiple + halo], tall)
            part = part[..., halo : halo + multiple]
            if not torch.allclose(whole, part, rtol=_SAME, atol=_SAME * float(whole.abs().max())):
                return False
        return True

    def _strip(self, multiple: int, length: int) -> torch.Tensor:
        """Return a long image, as narrow as the net takes."""
        shape = (1, self.channels, self._narrow * multiple, length)
        return torch.rand(shape, generator=self._random, dtype=torch.float64)

    def _run(self, image: torch.Tensor, tall: bool) -> torch.Tensor:
        out: torch.Tensor = self.net(image.mT if tall else image)
        return out.mT if tall else out


class _Live:
    """Counts the bytes of the tensors that live at once while a net, which is ours, runs."""

    def __init__(self) -> None:
        self.peak = 0
        self._now = 0
        self._known: set[int] = set()

    @contextmanager
    def watching(self, net: nn.Module) -> Iterator[None]:
        """Look at what goes into and comes out of every part."""
        hooks = [part.register_forward_pre_hook(self._into) for part in net.modules()]
        hooks += [part.register_forward_hook(self._out_of) for part in net.modules()]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _into(self, _: nn.Module, inputs: tuple[Any, ...]) -> None:
        for one in inputs:
            self._count(one)

    def _out_of(self, _: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        self._count(output)

    def _count(self, tensor: Any) -> None:
        if not isinstance(tensor, torch.Tensor) or tensor.data_ptr() in self._known:
            return
        where, size = tensor.data_ptr(), tensor.numel() * tensor.element_size()
        if tensor.ndim == 4 and tensor.shape[1] >= _BLOCK // 4:
            size = size // tensor.shape[1] * round_up(tensor.shape[1], _BLOCK)
        self._known.add(where)
        self._now += size
        self.peak = max(self.peak, self._now)
        weakref.finalize(tensor, self._gone, where, size)

    def _gone(self, where: int, size: int) -> None:
        self._known.discard(where)
        self._now -= size
