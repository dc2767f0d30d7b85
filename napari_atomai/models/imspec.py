"""ImSpec: predicts spectra from images, images from spectra, and what lies between them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.card import ModelCard
from napari_atomai.data.progress import Progress, finish
from napari_atomai.errors import BadModel, UnknownOption
from napari_atomai.files.weights import Weights
from napari_atomai.models.storage import load_weights, model_path
from napari_atomai.nets.imspec import SignalNet
from napari_atomai.predictors.imspec import ImSpecPredictor, SignalPrediction
from napari_atomai.trainers.averaging import Weights as Members
from napari_atomai.trainers.ensemble import Ensemble
from napari_atomai.trainers.imspec import ImSpecEnsembleTrainer, ImSpecTrainer
from napari_atomai.trainers.options import SegmentationWords
from napari_atomai.trainers.run_state import continued
from napari_atomai.trainers.saving import net_of, read_run, with_suffix, write_members, write_net
from napari_atomai.trainers.segmentation import Labelled
from napari_atomai.trainers.task import Trained

Vectors = NDArray[np.float32]
Strategy = Literal["scratch", "baseline", "swag"]


class ImSpec:
    """Predicts spectra from images (im2spec) or images from spectra (spec2im) through a small latent.

    Both are scaled by what was learned at `fit`; predictions come in the units of the training's targets.

    Parameters
    ----------
    in_dim, out_dim : int or sequence of int
        (rows, columns) of images, (length,) of spectra; any size, and images to images too.
    latent_dim : int
        How many numbers everything has to go through.
    seed : int
        Of the weights.
    nblayers_encoder, nblayers_decoder, nbfilters_encoder, nbfilters_decoder : int
        Convolutions, and the channels of each.
    batch_norm : bool
        Whether each convolution is normalised.
    encoder_downsampling : int
        The input is averaged over so many samples first; 0 = not.
    decoder_upsampling : bool
        The decoder begins with a quarter of the size.
    decoder : str
        "conv" (dilated convolutions) or "mlp".
    encoder_pooling : int
        How often the encoder halves its input on the way; 0 = not, as in the paper.
    symmetric : bool
        Average the latent over eight orientations of a square image, in use; learn with
        ``augmentation=napari_atomai.prepare.pairs_augment.turned`` then.

    Examples
    --------
    >>> model = ImSpec((16, 16), (64,), latent_dim=10)  # doctest: +SKIP
    >>> model.fit(imgs_train, spectra_train, imgs_test, spectra_test,
    ...           full_epoch=True, training_cycles=120, swa=True)  # doctest: +SKIP
    >>> predicted_spectra = model.predict(imgdata)  # doctest: +SKIP
    """

    def __init__(  # noqa: PLR0913 - the paper's words
        self,
        in_dim: int | Sequence[int],
        out_dim: int | Sequence[int],
        latent_dim: int = 2,
        *,
        seed: int = 1,
        nblayers_encoder: int = 3,
        nblayers_decoder: int = 4,
        nbfilters_encoder: int = 64,
        nbfilters_decoder: int = 64,
        batch_norm: bool = True,
        encoder_downsampling: int = 0,
        decoder_upsampling: bool = False,
        decoder: str = "conv",
        encoder_pooling: int = 0,
        symmetric: bool = False,
    ) -> None:
        options = {
            "nblayers_encoder": nblayers_encoder,
            "nblayers_decoder": nblayers_decoder,
            "nbfilters_encoder": nbfilters_encoder,
            "nbfilters_decoder": nbfilters_decoder,
            "batch_norm": batch_norm,
            "encoder_downsampling": encoder_downsampling,
            "decoder_upsampling": decoder_upsampling,
            "decoder": decoder,
            "encoder_pooling": encoder_pooling,
            "symmetric": symmetric,
        }
        self._take(ImSpecTrainer(in_dim, out_dim, latent_dim, net_options=options, seed=seed))

    def _take(self, trainer: ImSpecTrainer) -> None:
        self.trainer = trainer
        self.members: list[Members] = []
        """Weights of the nets of an ensemble; none where there is one net."""
        self.trained: Trained | None = None
        self._run: Mapping[str, Any] = {}
        self._card: ModelCard | None = None

    @property
    def net(self) -> SignalNet:
        """The net; of an ensemble its best member, base or mean."""
        return self.trainer.net

    @property
    def in_dim(self) -> tuple[int, ...]:
        """Size of an input."""
        return self.net.in_dim

    @property
    def out_dim(self) -> tuple[int, ...]:
        """Size of a prediction."""
        return self.net.out_dim

    @property
    def latent_dim(self) -> int:
        """How many numbers everything goes through."""
        return self.net.latent_dim

    @property
    def about(self) -> dict[str, Any]:
        """What the pairs were cut with (window, sampling, energies), where somebody said; it is kept."""
        return self.trainer.about

    @property
    def history(self) -> Mapping[str, list[float]]:
        """Losses of the last training, per cycle."""
        return self.trained.history if self.trained is not None else {}

    def fit(
        self,
        X_train: ArrayLike,
        y_train: ArrayLike,
        X_test: ArrayLike | None = None,
        y_test: ArrayLike | None = None,
        *,
        resume: bool = False,
        checkpoint: str | Path | None = None,
        **options: Unpack[SegmentationWords],
    ) -> Trained:
        """Train.

        Parameters
        ----------
        X_train, X_test : array, shape (n, *in_dim) or (n, 1, *in_dim)
            Inputs, in units of their own. 15% of the pairs to train on are set aside for testing if none
            are given: overlapping patches should be parted with `prepare.pairs.held_out` instead.
        y_train, y_test : array, shape (n, *out_dim) or (n, 1, *out_dim)
            Targets.
        resume : bool
            Go on with the last training, also one that was loaded: `training_cycles` more. Otherwise a new
            training begins from the weights as they are.
        checkpoint : path, optional
            Where the state is kept while it trains; a run that lies there is continued.
        **options
            training_cycles (1000), full_epoch, batch_size (64), learning_rate, lr_scheduler, swa,
            perturb_weights, early_stopping, augmentation, compute_accuracy (R2), seed ...: see
            `napari_atomai.trainers.options.TrainingOptions`; also AtomAI's gauss_noise, blur ...: see
            `napari_atomai.utils.imspec_augmentor`.

        Raises
        ------
        BadImage, BadOption, UnknownOption
            At once, with the values that do not fit and what to do.
        Diverged
            If the loss is not a number; the weights are those of the best cycle before.
        """
        data = Labelled(X_train, y_train, X_test, y_test)
        return finish(self.fitting(data, resume=resume, checkpoint=checkpoint, **options))

    def fitting(
        self,
        data: Labelled,
        *,
        resume: bool = False,
        checkpoint: str | Path | None = None,
        **options: Unpack[SegmentationWords],
    ) -> Generator[Progress, None, Trained]:
        """Train as `fit` does, and yield Progress; closing it keeps the best weights so far."""
        words = continued(self._run, self.trainer.asked, options) if resume else dict(options)
        place = Path(checkpoint) if checkpoint is not None else None
        run = self.trainer.compile_trainer(data, checkpoint=place, keep_normalisation=resume, **words)
        if resume:
            run.resume(self._run)
        self._card, self.members = None, []
        try:
            return (yield from self.trainer.training())
        finally:
            # Of a run that was closed or failed, too: history and card tell of the weights that are there.
            self.trained = run.outcome or self.trained
            self._run = run.state()
            self.trainer.forget()

    def fit_ensemble(
        self,
        data: Labelled,
        n_models: int = 5,
        strategy: Strategy = "scratch",
        **options: Unpack[SegmentationWords],
    ) -> None:
        """Train several nets, whose disagreement gives every channel an error bar.

        Parameters
        ----------
        data : Labelled
            Inputs as its images, targets as its labels.
        n_models : int
            How many.
        strategy : str
            "scratch": each from random weights of its own; "baseline": from one trained net, each for a
            tenth of the cycles; "swag": drawn around the last part of one training.
        **options
            See `fit`.
        """
        finish(self.fitting_ensemble(data, n_models, strategy, **options))

    def fitting_ensemble(
        self,
        data: Labelled,
        n_models: int = 5,
        strategy: Strategy = "scratch",
        **options: Unpack[SegmentationWords],
    ) -> Generator[Progress, None, None]:
        """Train as `fit_ensemble` does, and yield Progress."""
        made = ImSpecEnsembleTrainer(
            self.in_dim,
            self.out_dim,
            self.latent_dim,
            net_options=self.trainer.net_options,
            seed=self.trainer.seed,
        )
        short = max(1, int(options.get("training_cycles", 1000)) // 10)
        if strategy == "scratch":
            _, ensemble = yield from made.training_from_scratch(data, n_models, **options)
        elif strategy == "baseline":
            _, ensemble = yield from made.training_from_baseline(
                data, n_models, training_cycles_ensemble=short, **options
            )
        elif strategy == "swag":
            _, ensemble = yield from made.training_swag(data, n_models, **options)
        else:
            raise UnknownOption("strategy", str(strategy), ("scratch", "baseline", "swag"))
        about = self.about
        self._take(made.base)
        self.trainer.about = about
        self.members = list(ensemble)
        self._card = ensemble.card

    def predict(self, data: ArrayLike) -> Vectors:
        """Predict; the mean of an ensemble.

        Parameters
        ----------
        data : array, shape (n, *in_dim), (n, 1, *in_dim) or (*in_dim)
            In the units of the training.

        Returns
        -------
        array of float32, shape (n, *out_dim)

        Raises
        ------
        BadImage
            If they are of another size than in training, or not finite.
        """
        return self._predictor().predict(data)

    def predict_uncertainty(self, data: ArrayLike) -> SignalPrediction:
        """Predict, with the standard deviation of the members of an ensemble for every channel."""
        return self._predictor().predict_uncertainty(data)

    def encode(self, data: ArrayLike) -> Vectors:
        """Return the latent of inputs, shape (n, latent_dim)."""
        return self._predictor().encode(data)

    def decode(self, latent: ArrayLike) -> Vectors:
        """Return what a latent (n, latent_dim) stands for, shape (n, *out_dim)."""
        return self._predictor().decode(latent)

    def card(self, name: str = "imspec") -> ModelCard:
        """Return what is to be known about the model, as it is saved with it."""
        if self._card is not None:
            training = {**self._card.training, "pairs": self.about}
            return self._card.model_copy(update={"name": name, "training": training})
        trained = self.trained
        metrics = {} if trained is None else {"test_loss": trained.test_loss, "cycles": float(trained.cycles)}
        return self.trainer.card(name, metrics)

    def save_model(self, path: str | Path, *, training: bool = True) -> Path:
        """Write net or ensemble, its card and the state of its training to one safetensors file.

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
        if self.members:
            write_members(full, self.card(full.stem), self.members)
        else:
            write_net(full, self.card(full.stem), self.net, self._run if training else None)
        return full

    @classmethod
    def load(cls, path: str | Path) -> ImSpec:
        """Open a model or an ensemble that was saved.

        Raises
        ------
        CannotRead, BadModel, UnknownOption
            If there is no such file, it is not whole, or it holds another kind of model.
        """
        return cls.of_weights(load_weights(str(path)), read_run(model_path(str(path))))

    @classmethod
    def of_weights(cls, weights: Weights, run: Mapping[str, Any] | None = None) -> ImSpec:
        """Return the model of an opened file, and let it go on with its training if the state is given."""
        card = weights.card
        if card.task != "imspec":
            raise BadModel(
                f"{card.name!r} is a model to {card.task}, not of spectra.",
                remedy="Open it with load_model.",
            )
        net = net_of(weights)
        if not isinstance(net, SignalNet):
            raise BadModel(f"{card.name!r} holds a net {card.net!r}.", remedy="Save it with ImSpec again.")
        model = cls.__new__(cls)
        sizes = ("in_dim", "out_dim", "latent_dim")
        options = {name: value for name, value in card.net_options.items() if name not in sizes}
        model._take(ImSpecTrainer(net.in_dim, net.out_dim, net.latent_dim, net_options=options, net=net))
        model.trainer.about = dict(card.training.get("pairs", {}))
        model._card, model._run = card, run or {}
        if card.members > 1:
            model.members = Ensemble.of_weights(weights).members
        return model

    def _predictor(self) -> ImSpecPredictor:
        return ImSpecPredictor(self.net, self.members or None)
