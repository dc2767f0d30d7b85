"""One signal from another, in the units of the data, with error bars where there are several nets."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_atomai.errors import BadImage, BadModel, BadOption
from napari_atomai.nets.imspec import SignalNet
from napari_atomai.prepare.pairs_checks import checked_signals

Vectors = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SignalPrediction:
    """What one or several nets predict.

    Parameters
    ----------
    mean : array of float32, shape (n, *out_dim)
        Of the members.
    standard_deviation : array of float32, shape (n, *out_dim)
        Of the members about their mean (divided by their number), channel by channel; zeros of a single net.
        It tells where the nets disagree; it does not contain the noise of a measurement.
    members : int
        How many nets.
    """

    mean: Vectors
    standard_deviation: Vectors
    members: int


class ImSpecPredictor:
    """Predicts spectra from images, or images from spectra.

    Parameters
    ----------
    model : SignalNet
        A net whose weights are replaced by those of each member in turn (in a copy), if there are any.
    ensemble : mapping or sequence of state dicts, optional
        Weights of the members, as the ensemble trainers return them.
    batch : int
        Signals that go through the net at once.

    Raises
    ------
    BadModel
        If the net is another kind, or a member's weights do not fit.
    """

    def __init__(
        self,
        model: Any,
        ensemble: Mapping[int, Mapping[str, Any]] | Sequence[Mapping[str, Any]] | None = None,
        *,
        batch: int = 512,
    ) -> None:
        if not isinstance(model, SignalNet):
            raise BadModel(
                f"The net is a {type(model).__name__}.",
                why="Its latent and its normalisation are needed.",
                remedy="Give the net of an ImSpec model.",
            )
        if batch < 1:
            raise BadOption(f"The batch is {batch}.", remedy="Give 1 or more.")
        self.net = model if ensemble is None else copy.deepcopy(model)
        states = list(ensemble.values()) if isinstance(ensemble, Mapping) else list(ensemble or ())
        self._states, self._batch = states, batch
        for _ in self._nets():  # refuses weights that do not fit
            pass

    def __len__(self) -> int:
        return max(len(self._states), 1)

    def predict(self, data: ArrayLike) -> Vectors:
        """Return the mean prediction.

        Parameters
        ----------
        data : array, shape (n, *in_dim)
            In the units of the training.

        Returns
        -------
        array of float32, shape (n, *out_dim)
            In the units of the training's targets.
        """
        return self.predict_uncertainty(data).mean

    def predict_uncertainty(self, data: ArrayLike) -> SignalPrediction:
        """Return mean and standard deviation of the members."""
        signals = torch.from_numpy(checked_signals(data, self.net.in_dim, "inputs"))
        mean = np.zeros((len(signals), *self.net.out_dim))
        squares = np.zeros_like(mean)
        for count, net in enumerate(self._nets(), start=1):
            result = self._predicted(net, signals)
            off = result - mean
            mean += off / count
            squares += off * (result - mean)
        spread = np.sqrt(np.maximum(squares, 0) / len(self))
        return SignalPrediction(mean.astype(np.float32), spread.astype(np.float32), len(self))

    def encode(self, data: ArrayLike) -> Vectors:
        """Return the latent of signals, shape (n, latent_dim); of an ensemble that of the first member.

        The latents of different members have nothing to do with each other.
        """
        signals = torch.from_numpy(checked_signals(data, self.net.in_dim, "inputs"))
        net = next(self._nets())
        return self._through(net, signals, lambda x: net.encode(net.inputs.apply_to(x))).astype(np.float32)

    def decode(self, latent: ArrayLike) -> Vectors:
        """Return the signals of latents (n, latent_dim), in the units of the training's targets."""
        z = np.atleast_2d(np.asarray(latent, np.float32))
        if z.ndim != 2 or z.shape[1] != self.net.latent_dim or not np.isfinite(z).all():
            raise BadImage(
                f"The latents have shape {np.shape(latent)}; the model has {self.net.latent_dim}.",
                remedy=f"Give finite numbers of shape (n, {self.net.latent_dim}).",
            )
        net = next(self._nets())
        return self._through(net, torch.from_numpy(z), lambda x: net.outputs.undo(net.decode(x))).astype(
            np.float32
        )

    def _predicted(self, net: SignalNet, signals: torch.Tensor) -> NDArray[np.float64]:
        return self._through(net, signals, lambda x: net.outputs.undo(net(net.inputs.apply_to(x))))

    def _nets(self) -> Iterator[SignalNet]:
        if not self._states:
            yield self.net.eval()
        for number, state in enumerate(self._states):
            try:
                self.net.load_state_dict(dict(state))
            except (RuntimeError, TypeError, AttributeError) as error:
                raise BadModel(
                    f"The weights of member {number} do not fit the net: {error}",
                    why="Every member is the same net with other weights.",
                    remedy="Give the net that the ensemble was trained with.",
                ) from error
            yield self.net.eval()

    @torch.no_grad()
    def _through(
        self, net: SignalNet, signals: torch.Tensor, work: Callable[[torch.Tensor], torch.Tensor]
    ) -> NDArray[np.float64]:
        device = net.inputs.scale.device
        parts = [work(part.to(device)).cpu().numpy() for part in torch.split(signals, self._batch)]
        return np.concatenate(parts).astype(np.float64)
