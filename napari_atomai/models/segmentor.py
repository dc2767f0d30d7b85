"""The Segmentor: trains a net on labelled images, and finds and classes atoms in others."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike
from torch import nn

from napari_atomai.data.arguments import a_flag, a_path, known
from napari_atomai.data.card import ModelCard
from napari_atomai.data.image import Image
from napari_atomai.data.progress import Progress, finish
from napari_atomai.errors import BadModel
from napari_atomai.files.weights import Weights
from napari_atomai.models.prediction import Coordinates, Maps, PredictWords, Wanted
from napari_atomai.models.storage import load_weights
from napari_atomai.nets.registry import describe_net
from napari_atomai.predictors.segmentation import SegPredictor
from napari_atomai.predictors.stacks import as_stack
from napari_atomai.prepare.normalise import channels as finder_channels
from napari_atomai.prepare.scaling import Scaling
from napari_atomai.trainers.augmentation import with_words
from napari_atomai.trainers.labelled import Labelled
from napari_atomai.trainers.options import FitWords, NetWords
from napari_atomai.trainers.run_state import continued
from napari_atomai.trainers.saving import give, net_of, with_suffix, write_net
from napari_atomai.trainers.segmentation import SegTrainer
from napari_atomai.trainers.task import Trained


class Segmentor:
    """Gives a class to every pixel of an image, and finds the atoms in it.

    Parameters
    ----------
    model : str or torch.nn.Module
        "Unet", "dilnet", "SegResNet", "ResHedNet", the name of a registered net of your own, or a net itself.
    nb_classes : int
        1: atoms (label 1) against background (label 0). K of 2 or more: labels 0 to K - 1, of which the last
        is the background.
    channels : int
        Channels of the images: 1 for (n, y, x), c for (n, y, x, c).
    net_options : mapping, optional
        Further arguments of the net, such as ``{"filters": [16, 32, 64]}``.
    seed : int
        Of the weights. The same seed gives the same bits, whatever the program did before.
    scaling : Scaling, optional
        How intensities are scaled, in training and in prediction; by percentiles of each image when left out.
    class_names : sequence of str, optional
        Names of the classes without the background.

    Examples
    --------
    >>> model = Segmentor(nb_classes=3)  # doctest: +SKIP
    >>> model.fit(images, labels, images_test, labels_test, training_cycles=300, swa=True)  # doctest: +SKIP
    >>> nn_output, coordinates = model.predict(expdata)  # doctest: +SKIP
    """

    def __init__(self, model: str | nn.Module = "Unet", nb_classes: int = 1, **net: Unpack[NetWords]) -> None:
        known("argument of Segmentor called", net, NetWords.__annotations__)
        self.trainer = SegTrainer(model, nb_classes, **net)
        self.trained: Trained | None = None
        self._run: Mapping[str, Any] = {}
        self._card: ModelCard | None = None
        self._finder = False

    @property
    def net(self) -> nn.Module:
        """The net."""
        return self.trainer.net

    @property
    def nb_classes(self) -> int:
        """How many output channels there are."""
        return self.trainer.nb_classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes without the background."""
        return self.trainer.class_names

    @property
    def scaling(self) -> Scaling:
        """How intensities are scaled."""
        return self.trainer.scaling

    @property
    def history(self) -> Mapping[str, list[float]]:
        """Losses (and accuracies, where asked for) of the last training, per cycle."""
        return self.trained.history if self.trained is not None else {}

    def fit(
        self,
        X_train: ArrayLike,
        y_train: ArrayLike,
        X_test: ArrayLike | None = None,
        y_test: ArrayLike | None = None,
        **how: Unpack[FitWords],
    ) -> Trained:
        """Train.

        Parameters
        ----------
        X_train, X_test : array, shape (n, y, x) or (n, y, x, c)
            Images as the microscope gives them; they are scaled here. 15% of the images to train on are set
            aside for testing if none are given.
        y_train, y_test : array, shape (n, y, x) or (n, y, x, nb_classes)
            Labels, or masks. -1 is a pixel that nobody labelled: it does not count.
        resume : bool, default False
            Go on with the last training, also one that was loaded: `training_cycles` more (when left out:
            those that it did not come to), exactly as if it had not been interrupted. Otherwise a new
            training begins from the weights as they are.
        checkpoint : path, optional
            Where the state is kept while it trains; a run that lies there is continued.
        missing_classes : bool, default False
            Accept that a class does not occur in `y_train`.
        **how
            All words after the labels, those above and those of the training:
            loss ("ce", "focal", "dice", sums of them, or a function), class_weights, optimizer ("adam",
            "adamw", "sgd", or a function of the parameters), learning_rate, lr_scheduler, training_cycles
            (1000), full_epoch, batch_size (32), compute_accuracy, swa, perturb_weights, early_stopping,
            augmentation, seed, print_loss, micro_batch, memory_gb, device, processes ...: see
            `napari_atomai.trainers.options.TrainingOptions`. Instead of ``augmentation`` also AtomAI's words:
            rotation, zoom, resize, gauss_noise, poisson_noise, jitter, salt_and_pepper, blur, contrast,
            background, custom_transform; see `napari_atomai.prepare.atomai_words.recipe_of_words`.

        Returns
        -------
        Trained
            Which weights were kept, the losses, and notes.

        Raises
        ------
        BadImage, BadOption, UnknownOption
            At once, with the values that do not fit and what to do.
        Diverged
            If the loss is not a number; the weights are those of the best cycle before.
        """
        return finish(self.fitting(X_train, y_train, X_test, y_test, **how))

    def fitting(
        self,
        X_train: ArrayLike,
        y_train: ArrayLike,
        X_test: ArrayLike | None = None,
        y_test: ArrayLike | None = None,
        **how: Unpack[FitWords],
    ) -> Generator[Progress, None, Trained]:
        """Train as `fit` does, and yield Progress; closing it keeps the best weights so far."""
        words: dict[str, Any] = {**how}
        beside = {name: words.pop(name) for name in ("checkpoint", "missing_classes") if name in words}
        resume = a_flag("resume", words.pop("resume", False))
        if resume:
            words = continued(self._run, self.trainer.asked, with_words(words))
        data = Labelled(self._seen(X_train), y_train, None if X_test is None else self._seen(X_test), y_test)
        run = self.trainer.compile_trainer(data, **beside, **words)
        if resume:
            run.resume(self._run)
        self._card = None
        try:
            return (yield from self.trainer.training())
        finally:
            # Of a run that was closed or failed, too: history and card tell of the weights that are there.
            self.trained = run.outcome or self.trained
            self._run = run.state()
            self.trainer.forget()

    def predict(
        self, imgs: ArrayLike | Image, refine: bool = False, **how: Unpack[PredictWords]
    ) -> tuple[Maps, Coordinates]:
        """Give a class to every pixel, and find the atoms.

        Parameters
        ----------
        imgs : array or Image, shape (y, x), (n, y, x) or (n, y, x, c)
            Of any size; they are scaled as in training.
        refine : bool
            Fit a Gaussian to every atom on the raw pixels (bright atoms).
        thresh : float, default 0.5
            Lowest probability that belongs to an atom, 0 to 1.
        compute_coords : bool, default True
            False leaves the coordinates out.
        resize : (rows, columns), optional
            Size at which the net sees the images: brings the atoms to the size it was trained on. Maps and
            coordinates are those of the images as given.
        radius : float, default 0
            Half width in pixels of the window that is fitted; 0 = from the distance between neighbours.
        memory_budget : int, default 600 million
            Bytes that the net may take; large images are cut into tiles.

        Returns
        -------
        nn_output : array of float32, shape (n, y, x, nb_classes)
            Probability of each class.
        coordinates : dict of int to array, shape (N, 3)
            Row, column (pixels) and class of each atom, for each image.

        Raises
        ------
        BadImage, BadOption, UnknownOption
            If images or options cannot be used.
        """
        return finish(self.predicting(imgs, refine, **how))

    def predicting(
        self, imgs: ArrayLike | Image, refine: bool = False, **how: Unpack[PredictWords]
    ) -> Generator[Progress, None, tuple[Maps, Coordinates]]:
        """Predict as `predict` does, and yield Progress."""
        wanted = Wanted.of(refine, how)
        pixels: Any = imgs.pixels if isinstance(imgs, Image) else imgs
        predictor = SegPredictor(
            self.net,
            scaling=self.scaling,
            memory_budget=wanted.memory_budget,
            channels=self.trainer.channels,
        )
        return (yield from wanted.predicting(predictor, as_stack(pixels), self._seen))

    def card(self, name: str = "segmentor") -> ModelCard:
        """Return what is to be known about the model, as it is saved with it."""
        if self._card is not None:
            return self._card.model_copy(update={"name": name})
        trained = self.trained
        metrics = {} if trained is None else {"test_loss": trained.test_loss, "cycles": float(trained.cycles)}
        return self.trainer.card(name, metrics)

    def save_model(self, path: str | Path, *, training: bool = True) -> Path:
        """Write the net, its card and the state of its training to one safetensors file.

        Parameters
        ----------
        path : str or path
            ".safetensors" is added where it is missing. An existing file stays whole until the new one is.
        training : bool
            False leaves out the state of the training: a quarter of the size; it can then be trained on, but
            not resumed.

        Returns
        -------
        path
            Of the file.
        """
        full = with_suffix(path)
        write_net(full, self.card(full.stem), self.net, self._run if a_flag("training", training) else None)
        return full

    def load_weights(self, path: str | Path) -> None:
        """Take over the weights of a model file of the same net.

        Raises
        ------
        BadModel
            If it holds another net, or one of another size.
        """
        weights = load_weights(path)
        if weights.card.net != describe_net(self.net)[0]:
            raise BadModel(
                f"{a_path('path', path).name} holds a net {weights.card.net!r}, and this model is one of "
                f"{describe_net(self.net)[0]!r}.",
                remedy="Open the file with load_model, which builds the net that it was saved with.",
            )
        give(self.net, weights.of_members()[0])
        if weights.card.scaling:
            self.trainer.scaling = Scaling.of(weights.card.scaling)
        self._run, self.trained, self._card = {}, None, None

    @classmethod
    def of_weights(cls, weights: Weights, run: Mapping[str, Any] | None = None) -> Segmentor:
        """Return the model of an opened file, and let it go on with its training if the state is given."""
        card = weights.card
        net = net_of(weights)
        options = describe_net(net)[1]
        classes, channels = int(options.get("classes", 1)), int(options.get("channels", 1))
        scaling = Scaling.of(card.scaling) if card.scaling else Scaling(kind="none")
        model = cls(net, classes, channels=channels, scaling=scaling, class_names=card.classes)
        model._card, model._run = card, run or {}
        model._finder = card.task == "find atoms"
        model.trainer.spacing = card.spacing_best if card.spacing_known else 0.0
        return model

    def _seen(self, images: Any) -> Any:
        """Return images as the net is to see them: those of the finder of atoms have channels made for it."""
        if not self._finder:
            return images
        stack = np.asarray(images)
        if stack.ndim != 3:
            return images
        return np.stack([np.moveaxis(finder_channels(image), 0, -1) for image in stack])
