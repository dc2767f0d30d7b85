"""An autoencoder: what varies in patches, apart from how they are turned, shifted and scaled."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.card import ModelCard
from napari_atomai.data.latent import Latent, Manifold
from napari_atomai.data.progress import Progress, finish
from napari_atomai.errors import BadModel, BadOption
from napari_atomai.files.weights import Weights
from napari_atomai.models.storage import load_weights, model_path
from napari_atomai.nets.latent import LatentNet
from napari_atomai.nets.registry import describe_net
from napari_atomai.predictors.vae import LatentPredictor
from napari_atomai.trainers.run_state import continued
from napari_atomai.trainers.saving import net_of, read_run, with_suffix, write_net
from napari_atomai.trainers.task import Trained
from napari_atomai.trainers.vae import LatentData, LatentWords, VAETrainer, one_hot

Floats = NDArray[np.float32]

FACES: dict[tuple[bool, bool], type[LatentModel]] = {}
"""Name of the paper for a net with poses or without, with discrete latents or without."""

_SILENT, _LEAST_NATS = 0.01, 0.05
"""A latent says nothing of the patches if the variance of its means is below the first, where that of the
prior is 1 (active units: Burda et al., arXiv:1509.00519), or if, beside its own width, they tell fewer nats
than the second. How far the posterior is from the prior would not do: it may be one narrow bell for all.
"""
_LOOKED_AT = 2000
"""Patches that decide in which order the latents are named."""
_RECORDED = 50
"""Manifolds that are kept of a training."""


class NetWords(TypedDict, total=False):
    """How encoder and decoder are built, and what is believed of poses; see `LatentModel`."""

    encoder: str
    decoder: str
    conv_encoder: bool
    conv_decoder: bool
    numlayers_encoder: int
    numlayers_decoder: int
    numhidden: int
    rotation_prior: float
    translation_prior: float
    scale_prior: float
    temperature: float


class LatentModel:
    """An autoencoder whose latents are free of the poses that it is told of.

    Parameters
    ----------
    in_dim : int or sequence of int
        (rows, columns) of patches, (length,) of spectra.
    latent_dim : int
        Continuous latents.
    invariances : sequence of str
        Among "rotation", "translation" and "scale"; of spectra "translation".
    discrete_dim : int or sequence of int
        States of each discrete latent; empty = none.
    nb_classes : int
        Known classes that the decoder is told, so that the latents are free of them, too; 0 = none.
    seed : int
        Of the weights.
    **net
        encoder ("rings" for rotation, "mlp", "conv"), decoder ("mlp", "conv", "spatial": the paper's),
        or the paper's conv_encoder and conv_decoder; numlayers_encoder, numlayers_decoder (2), numhidden
        (128); rotation_prior (radians; 0 = any angle), translation_prior (of half a patch; 0.1),
        scale_prior (of its logarithm; 0.1), temperature (of the discrete latents; 1).
    """

    def __init__(
        self,
        in_dim: int | Sequence[int],
        latent_dim: int = 2,
        *,
        invariances: Sequence[str] = (),
        discrete_dim: int | Sequence[int] = (),
        nb_classes: int = 0,
        seed: int = 1,
        **net: Unpack[NetWords],
    ) -> None:
        self.discrete_dim = (
            (discrete_dim,) if isinstance(discrete_dim, int | np.integer) else tuple(discrete_dim)
        )
        options: dict[str, Any] = {
            "in_dim": [in_dim] if isinstance(in_dim, int) else list(in_dim),
            "latent_dim": latent_dim,
            "invariances": list(invariances),
            "classes": math.prod(self.discrete_dim),
            "labels": nb_classes,
            **_net_options(net),
        }
        self._take(VAETrainer(options, seed))

    def _take(self, trainer: VAETrainer) -> None:
        self.trainer = trainer
        self.trained: Trained | None = None
        self.warnings: tuple[str, ...] = ()
        """What a person should know of the last training, such as latents that say nothing."""
        self.recorded: list[Manifold] = []
        """Manifolds at moments of the last training, if it was recorded."""
        self._run: Mapping[str, Any] = {}
        self._card: ModelCard | None = None

    def like(self, seed: int) -> LatentModel:
        """Return a model of the same kind with weights of its own, not trained."""
        model = type(self).__new__(type(self))
        model.discrete_dim = self.discrete_dim
        model._take(VAETrainer(describe_net(self.net)[1], seed))
        return model

    @property
    def net(self) -> LatentNet:
        """The net."""
        return self.trainer.net

    @property
    def in_dim(self) -> tuple[int, ...]:
        """Size of a patch or spectrum."""
        return self.net.in_dim

    @property
    def latent_dim(self) -> int:
        """How many continuous latents there are."""
        return self.net.latent_dim

    @property
    def noise(self) -> float:
        """Standard deviation of the noise of a pixel that was learned, in the units of the data."""
        return float(self.net.noise.sqrt() * self.net.scale)

    @property
    def history(self) -> Mapping[str, list[float]]:
        """Losses (negative ELBO, nats per patch) and explained variance of the last training, per cycle."""
        return self.trained.history if self.trained is not None else {}

    def fit(
        self,
        X_train: ArrayLike,
        y_train: ArrayLike | None = None,
        X_test: ArrayLike | None = None,
        y_test: ArrayLike | None = None,
        *,
        recording: bool = False,
        resume: bool = False,
        checkpoint: str | Path | None = None,
        **options: Unpack[LatentWords],
    ) -> Trained:
        """Train.

        Parameters
        ----------
        X_train, X_test : array, shape (n, *in_dim), (n, 1, *in_dim) or (n, *in_dim, 1)
            Patches or spectra, in units of their own. 15% are set aside for testing if none are given.
        y_train, y_test : array of int, shape (n,), optional
            Known classes from 0, for a model with nb_classes.
        recording : bool
            Keep manifolds of the training in `recorded`.
        resume : bool
            Go on with the last training, also one that was loaded: `training_cycles` more.
        checkpoint : path, optional
            Where the state is kept while it trains; a run that lies there is continued.
        **options
            loss ("mse": normal noise, whose variance is learned; "ce": the data are shares from 0 to 1),
            training_cycles (100; each goes through all patches), batch_size (100), learning_rate,
            latent_dim, rotation_prior, translation_prior, scale_prior, temperature (each begins a new net if
            it is another than the net has), capacity or cont_capacity and disc_capacity ([nats, cycles,
            gamma]), swa, early_stopping, seed ...: see `napari_atomai.trainers.options.TrainingOptions`.

        Raises
        ------
        BadImage, BadOption, UnknownOption
            At once, with the values that do not fit and what to do.
        Diverged
            If the loss is not a number; the weights are those of the best cycle before.
        """
        return finish(
            self.fitting(
                X_train,
                y_train,
                X_test,
                y_test,
                recording=recording,
                resume=resume,
                checkpoint=checkpoint,
                **options,
            )
        )

    def fitting(
        self,
        X_train: ArrayLike,
        y_train: ArrayLike | None = None,
        X_test: ArrayLike | None = None,
        y_test: ArrayLike | None = None,
        *,
        recording: bool = False,
        resume: bool = False,
        checkpoint: str | Path | None = None,
        **options: Unpack[LatentWords],
    ) -> Generator[Progress, None, Trained]:
        """Train as `fit` does, and yield Progress; closing it keeps the best weights so far.

        Between two of them the model may be used, to show what it has learned.
        """
        asked = continued(self._run, self.trainer.asked, options) if resume else dict(options)
        data = LatentData(X_train, y_train, X_test, y_test)
        place = Path(checkpoint) if checkpoint is not None else None
        run = self.trainer.compile_trainer(data, checkpoint=place, go_on=resume, **asked)
        if resume:
            run.resume(self._run)
        self._card, self.recorded = None, []
        every = max(1, run.options.training_cycles // _RECORDED)
        steps = run.training()
        try:
            for progress in steps:
                if recording and progress.losses and progress.step % every == 0:
                    self.recorded.append(self._recorded())
                yield progress
        finally:
            # Of a run that was closed or failed, too: history and card tell of the weights that are there.
            steps.close()
            self.trained = run.outcome or self.trained
            self._run = run.state()
            self._settle(X_train, y_train)
        if self.trained is None:  # for the type checker: a run that ended has an outcome
            raise BadModel("The training has no outcome.", remedy="Train again.")
        return self.trained

    def encode(self, data: ArrayLike, y: ArrayLike | None = None) -> Latent:
        """Return what is found in patches.

        Parameters
        ----------
        data : array, shape (n, *in_dim)
            In the units of the training.
        y : array of int, shape (n,), optional
            Known classes from 0, for a model with nb_classes.

        Returns
        -------
        Latent
            Mean and standard deviation of the latents, poses and classes; ``mean, sd = model.encode(data)``.

        Raises
        ------
        BadImage
            If they are of another size than in training, or not finite.
        """
        count = len(np.asarray(data)) if np.ndim(data) > len(self.in_dim) else 1
        return self._predictor().encode(data, one_hot(y, count, self.net.labels))

    def decode(
        self, latent: Latent | ArrayLike, classes: ArrayLike | None = None, y: ArrayLike | None = None
    ) -> Floats:
        """Return patches of latents.

        Parameters
        ----------
        latent : Latent or array, shape (n, latent_dim)
            As `encode` returned it, with poses and classes; or latents alone, whose patches are not turned,
            shifted or scaled.
        classes : array of int, shape (n,), optional
            State of the discrete latents, from 1.
        y : array of int, shape (n,), optional
            Known classes from 0, for a model with nb_classes.

        Returns
        -------
        array of float32, shape (n, *in_dim)
            In the units of the training.
        """
        if isinstance(latent, Latent):
            count = len(latent)
            states = self._states(latent.labels if classes is None else classes, count)
            return self._predictor().render(latent, states, one_hot(y, count, self.net.labels))
        z = np.atleast_2d(np.asarray(latent, np.float32))
        states = self._states(np.ones(len(z), int) if classes is None else classes, len(z))
        return self._predictor().decode(z, states, one_hot(y, len(z), self.net.labels))

    def reconstruct(self, data: ArrayLike, y: ArrayLike | None = None) -> Floats:
        """Return what the model makes of patches: ``decode(encode(data))``."""
        return self.decode(self.encode(data, y), y=y)

    def manifold2d(self, d: int = 9, label: int = 1, y: int = 0) -> Manifold:
        """Return patches on a grid of the first two latents, at equally likely steps of their prior.

        Parameters
        ----------
        d : int
            Steps of each.
        label : int
            State of the discrete latents, from 1.
        y : int
            Known class, for a model with nb_classes.
        """
        if not (isinstance(d, int) and 2 <= d <= 100):
            raise BadOption(f"d is {d!r}.", remedy="Give a number of steps from 2 to 100.")
        known = one_hot([y] if self.net.labels else None, 1, self.net.labels)
        return self._predictor().manifold(d, self._states([label], 1), known)

    def manifold_traversal(self, cont_idx: int = 0, d: int = 10) -> Floats:
        """Return patches along one latent, the others 0, for each state of the discrete ones.

        Parameters
        ----------
        cont_idx : int
            Which of the continuous latents, from 0.
        d : int
            Steps, from its lowest to its highest value.

        Returns
        -------
        array of float32, shape (states, d, *in_dim)
        """
        if not 0 <= cont_idx < self.latent_dim:
            raise BadOption(
                f"cont_idx is {cont_idx}; there are {self.latent_dim} latents.",
                remedy=f"Give 0 to {self.latent_dim - 1}.",
            )
        z = np.zeros((d, self.latent_dim), np.float32)
        z[:, cont_idx] = np.linspace(-2, 2, d)
        return np.stack([self.decode(z, np.full(d, state)) for state in range(1, self.net.classes + 1)])

    def encode_images(self, images: ArrayLike, step: int = 1) -> Floats:
        """Return the latents of the window about every pixel of images.

        Parameters
        ----------
        images : array, shape (n, rows, columns) or (rows, columns)
            Windows that leave an image see its mirror image.
        step : int
            Only every so many-th row and column.

        Returns
        -------
        array of float32, shape (n, rows / step, columns / step, latent_dim)
        """
        stack = np.asarray(images, float)
        if len(self.in_dim) == 1 or stack.ndim not in (2, 3) or step < 1:
            raise BadOption(
                f"The images have shape {stack.shape}, the model takes {self.in_dim}, the step is {step}.",
                remedy="Give images (n, rows, columns), a model of patches, and a step from 1.",
            )
        predictor = self._predictor()
        return np.stack([predictor.encode_image(image, step) for image in np.atleast_3d(stack.T).T])

    def card(self, name: str = "vae") -> ModelCard:
        """Return what is to be known about the model, as it is saved with it."""
        if self._card is not None:
            return self._card.model_copy(update={"name": name})
        trained = self.trained
        metrics = {} if trained is None else {"test_loss": trained.test_loss, "cycles": float(trained.cycles)}
        card = self.trainer.card(name, metrics)
        return card.model_copy(
            update={"training": {**card.training, "discrete_dim": list(self.discrete_dim)}}
        )

    def save_model(self, path: str | Path, *, training: bool = True) -> Path:
        """Write the net, its card and the state of its training to one safetensors file.

        Parameters
        ----------
        path : str or path
            ".safetensors" is added where it is missing. An existing file stays whole until the new one is.
        training : bool
            False leaves out the state of the training: it can then be trained on, but not resumed.

        Returns
        -------
        path
            Of the file.
        """
        full = with_suffix(path)
        write_net(full, self.card(full.stem), self.net, self._run if training else None)
        return full

    @classmethod
    def load(cls, path: str | Path) -> LatentModel:
        """Open a model that was saved.

        Raises
        ------
        CannotRead, BadModel, UnknownOption
            If there is no such file, it is not whole, or it holds another kind of model.
        """
        return cls.of_weights(load_weights(str(path)), read_run(model_path(str(path))))

    @staticmethod
    def of_weights(weights: Weights, run: Mapping[str, Any] | None = None) -> LatentModel:
        """Return the model of an opened file, and let it go on with its training if the state is given."""
        card = weights.card
        net = net_of(weights) if card.task == "latent" else None
        if not isinstance(net, LatentNet):
            raise BadModel(
                f"{card.name!r} is a model to {card.task}, not an autoencoder.",
                remedy="Open it with load_model.",
            )
        kind = FACES.get((bool(net.invariances), net.classes > 1), LatentModel)
        model = kind.__new__(kind)
        model.discrete_dim = tuple(card.training.get("discrete_dim", ()))
        model._take(VAETrainer(card.net_options, net=net))
        model.trainer.words = dict(card.training.get("latent", {}))
        model._card, model._run = card, run or {}
        return model

    def _predictor(self) -> LatentPredictor:
        return LatentPredictor(self.net)

    def _states(self, classes: ArrayLike, count: int) -> NDArray[np.float32]:
        found = np.asarray(classes)
        states = self.net.classes
        if found.shape != (count,) or found.min(initial=1) < 1 or found.max(initial=1) > states:
            raise BadOption(
                f"The classes have shape {found.shape} and go from {found.min(initial=1)} to "
                f"{found.max(initial=1)}, for {count} latents; the model has {states}.",
                remedy=f"Give one from 1 to {states} for each.",
            )
        return one_hot(found.astype(int) - 1, count, states)

    def _recorded(self) -> Manifold:
        training = self.net.training
        try:
            return self.manifold2d()
        finally:
            self.net.train(training)

    def _settle(self, patches: ArrayLike, labels: ArrayLike | None) -> None:
        """Name the latents in the order of what they say, and notice those that say nothing."""
        some = slice(None, None, max(1, len(np.asarray(patches)) // _LOOKED_AT))
        self.net.order.copy_(self.net.order.sort().values)
        latent = self.encode(np.asarray(patches)[some], None if labels is None else np.asarray(labels)[some])
        spread = latent.mean.astype(float).var(axis=0)
        told = spread / np.square(latent.sd.astype(float)).mean(axis=0)
        order = np.argsort(-told, kind="stable")
        self.net.order.copy_(self.net.order.new_tensor(order))
        nats = 0.5 * np.log1p(told)
        self.warnings = _warnings(int(((spread < _SILENT) | (nats < _LEAST_NATS)).sum()), nats)


def _net_options(words: NetWords) -> dict[str, Any]:
    """Return the options of the net that the words of the paper and our own stand for."""
    names = {
        "numlayers_encoder": "layers_encoder",
        "numlayers_decoder": "layers_decoder",
        "numhidden": "hidden",
    }
    options = {names.get(name, name): value for name, value in words.items() if not name.startswith("conv_")}
    for side in ("encoder", "decoder"):
        if words.get(f"conv_{side}"):
            if side in options:
                raise BadOption(f"Both {side} and conv_{side} were given.", remedy="Give one of them.")
            options[side] = "conv"
    return options


def _warnings(silent: int, nats: NDArray[np.float64]) -> tuple[str, ...]:
    if silent == len(nats):
        return (
            f"The latents say nothing of the patches (at most {nats.max():.2g} nats), the posterior "
            "collapsed: all that the model sees is in the poses, the classes and the noise. If its "
            "reconstructions show what the patches do, that is the result: nothing else varies. If not, "
            "train for more cycles, leave out an invariance, or take a larger window.",
        )
    if silent:
        return (
            f"{silent} of {len(nats)} latents say nothing of the patches: the others describe all that the "
            f"model sees, and latent_dim={len(nats) - silent} is enough.",
        )
    return ()
