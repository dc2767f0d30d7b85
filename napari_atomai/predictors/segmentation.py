"""From images to maps of probability, with one net."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.arguments import known, shown, whole_number
from napari_atomai.data.progress import Progress, finish
from napari_atomai.errors import BadOption
from napari_atomai.predictors.engines import KINDS, Engine
from napari_atomai.predictors.pieces import plan
from napari_atomai.predictors.stacks import Stack, with_channels
from napari_atomai.predictors.tiles import channels_last, running
from napari_atomai.prepare.scaling import Scaling, a_scaling

if TYPE_CHECKING:
    import dask.array as da
    from torch import nn

MEMORY_BUDGET = 600_000_000
"""Bytes that a net may take at work, besides the images and the result, unless told otherwise."""


class SegPredictor:
    """Predicts for images of any size and number, the same for a frame whatever it is stacked with.

    Images are mirrored all around, after scaling, as far as their border can be seen in the result, and up
    to a size that the net takes; the result is cropped back. Images that do not fit the memory budget are cut
    into tiles that overlap by the net's reach, so that the result is that of the whole image. Where memory
    still does not do, tiles are halved.

    Parameters
    ----------
    net : torch.nn.Module or Engine
        A net is used as it is at each call, and left as it was.
    scaling : Scaling
        Of intensities; that of the training.
    tile : int
        Largest number of rows and columns of a tile's own part; 0 = as large as memory allows.
    memory_budget : int
        Bytes that the net may take at work, besides the images and the result.
    engine : str
        "auto", "torch", "onnx" or "openvino"; see `napari_atomai.predictors.choosing.engine_of`.
    device : str
        For torch, "cuda" or "cpu"; "" = where the net is.
    channels : int
        For a net that does not say its channels.
    """

    def __init__(
        self,
        net: nn.Module | Engine,
        *,
        scaling: Scaling | None = None,
        tile: int = 0,
        memory_budget: int = MEMORY_BUDGET,
        engine: str = "auto",
        device: str = "",
        channels: int = 0,
    ) -> None:
        self.net = checked_net(net)
        self.scaling = a_scaling(scaling)
        self.tile = check_whole("tile", tile)
        self.memory_budget = check_whole("memory_budget", memory_budget)
        self._how = checked_how(engine, device, channels)

    @property
    def engine(self) -> Engine:
        """What runs the net as it is now."""
        return engine_now(self.net, *self._how)

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be said about predictions of this net."""
        if self.engine.facts.whole:
            return (
                "The net takes statistics over the whole image, or depends on the place in it: an image "
                "that is cut into tiles gives not exactly what it gives as a whole.",
            )
        return ()

    def predict(self, images: ArrayLike) -> NDArray[np.float32]:
        """Return the probabilities of every pixel.

        Parameters
        ----------
        images : array, shape (n, y, x), (n, y, x, channels) or (y, x)
            Real numbers as the microscope gives them, numpy or dask; they are scaled here.

        Returns
        -------
        array of float32, shape (n, y, x, classes)

        Raises
        ------
        BadImage
            If they are not such images, or have other channels than the net takes.
        TooLarge
            If memory does not do for the smallest tile.
        """
        return finish(self.predicting(images))

    def predicting(self, images: ArrayLike) -> Generator[Progress, None, NDArray[np.float32]]:
        """Predict as `predict` does, and say after each tile how far it is."""
        engine = self.engine
        stack = Stack(with_channels(images, engine.facts.channels), self.scaling, engine.facts)
        sides = stack.frame.rows, stack.frame.columns
        result = np.empty((len(stack), *sides, engine.facts.classes), np.float32)
        pieces = plan(len(stack), stack.frame, engine.facts, self.memory_budget, self.tile)
        work = running(engine, stack.read, stack.frame, pieces)
        for done, (piece, maps, left) in enumerate(work, start=1):
            result[piece.where] = channels_last(maps)
            yield Progress(done, done + left, "predicting")
        stack.tell()
        return result

    def lazily(self, images: da.Array) -> da.Array:
        """Return the probabilities as a dask array that predicts block by block when it is computed.

        Parameters
        ----------
        images : dask array, shape (n, y, x), (n, y, x, channels) or (y, x)
            Only blocks that are asked for are read. Each worker takes the memory budget.

        Returns
        -------
        dask array of float32, shape (n, y, x, classes)
            Equal to `predict`. It can be computed by threads, processes or a cluster.
        """
        from napari_atomai.predictors.lazy import predicted

        engine = self.engine
        stack = with_channels(images, engine.facts.channels)
        result: da.Array = predicted(engine, stack, self.scaling, self.memory_budget, self.tile)
        return result


def checked_how(engine: str, device: str, channels: int) -> tuple[str, str, int]:
    """Return what an engine is chosen by, or refuse what cannot be meant.

    Raises
    ------
    UnknownOption, BadOption
        If there is no such engine, or a value is of another kind.
    """
    known("engine", (engine,), KINDS)
    if not isinstance(device, str):
        raise BadOption(
            f"device is {shown(device)}.", remedy='Give "cpu", "cuda", or "" for where the net is.'
        )
    return (
        engine,
        device,
        whole_number("channels", channels, 0, remedy="Give how many; 0 = what the net says."),
    )


def is_net(given: Any) -> bool:
    """Tell whether this is a net of torch, or an engine."""
    return hasattr(given, "facts") or (callable(given) and hasattr(given, "state_dict"))


def checked_net(given: Any) -> Any:
    """Return a net or an engine.

    Raises
    ------
    BadOption
        If it is neither.
    """
    if not is_net(given):
        raise BadOption(f"The net is {shown(given)}.", remedy="Give a torch.nn.Module, such as model.net.")
    return given


def engine_now(net: Any, kind: str, device: str, channels: int) -> Engine:
    """Return the engine of a net as it is now; an engine is returned as it is."""
    if hasattr(net, "facts"):
        engine: Engine = net
        return engine
    from napari_atomai.predictors.choosing import engine_of  # brings torch

    return engine_of(net, kind, device=device, channels=channels)


def check_whole(name: str, value: int) -> int:
    """Refuse what is not a whole number of at least 0.

    Raises
    ------
    BadOption
        With the value.
    """
    return whole_number(name, value, 0, remedy="Give a whole number; 0 is as large as possible.")
