"""Ensembles: several nets for the same task, whose disagreement tells how sure they are."""

from __future__ import annotations

import copy
from collections.abc import Generator, Mapping
from typing import Any, Unpack

from numpy.typing import ArrayLike
from torch import nn

from napari_atomai.data.arguments import known, whole_number
from napari_atomai.data.progress import Progress, finish
from napari_atomai.errors import BadModel, BadOption
from napari_atomai.prepare.atomai_words import AtomAIWords
from napari_atomai.trainers.augmentation import with_words
from napari_atomai.trainers.averaging import Weights
from napari_atomai.trainers.ensemble_weights import Ensemble
from napari_atomai.trainers.labelled import Labelled
from napari_atomai.trainers.loop import Trainer
from napari_atomai.trainers.members import counted, fresh, member_seed, trained_apart, trained_swag
from napari_atomai.trainers.options import Asked, NetWords, SegmentationWords
from napari_atomai.trainers.segmentation import SegTrainer
from napari_atomai.trainers.task import Pairs

__all__ = ["Ensemble", "EnsembleTrainer"]

Result = tuple[nn.Module, Ensemble]
_WORDS = (*AtomAIWords.__annotations__, "n_models", "basemodel", "training_cycles_ensemble")


class EnsembleTrainer:
    """Trains ensembles of nets that give a class to every pixel.

    Parameters
    ----------
    model : str or torch.nn.Module
        "Unet", "dilnet", "SegResNet", "ResHedNet", a registered net of your own, or a net itself.
    nb_classes : int
        1: objects against background. K of 2 or more: labels 0 to K - 1, background last.
    **net
        channels, net_options, seed, scaling, class_names: see
        `napari_atomai.trainers.segmentation.SegTrainer`.

    Notes
    -----
    Every strategy takes images and labels as `napari_atomai.models.segmentor.Segmentor.fit` does, and how
    many members to train, and returns ``(net, ensemble)``, which
    `napari_atomai.predictors.ensemble.EnsemblePredictor` takes. Each comes twice:
    ``train_...(X_train, y_train, X_test, y_test)`` in the paper's words, to its end, and
    ``training_...(Labelled(X_train, y_train, X_test, y_test))``, a generator that yields Progress.

    Deep ensembles: Lakshminarayanan et al., arXiv:1612.01474. SWAG: Maddox et al., arXiv:1902.02476.
    """

    def __init__(self, model: str | nn.Module = "Unet", nb_classes: int = 1, **net: Unpack[NetWords]) -> None:
        known("argument of EnsembleTrainer called", net, NetWords.__annotations__)
        self.base = SegTrainer(model, nb_classes, **net)
        self.members: list[Weights] = []
        """Those trained so far; they stay when a later one fails or the work is stopped."""
        self._asked = Asked({})

    def compile_ensemble_trainer(self, **options: Unpack[SegmentationWords]) -> None:
        """Set options of the training for all strategies; each may change them again.

        Parameters
        ----------
        **options
            See `napari_atomai.trainers.options.TrainingOptions`.

        Raises
        ------
        UnknownOption, BadOption
            If there is no such option (the nearest is named) or a value is not allowed.
        """
        self._asked = Asked(with_words(options), _WORDS)

    def train_ensemble_from_scratch(
        self,
        X_train: ArrayLike,
        y_train: ArrayLike,
        X_test: ArrayLike | None = None,
        y_test: ArrayLike | None = None,
        n_models: int = 10,
        **options: Unpack[SegmentationWords],
    ) -> Result:
        """Train every member from random weights of its own, on batches in an order of its own.

        Parameters
        ----------
        X_train, X_test : array, shape (n, y, x) or (n, y, x, c)
            Images; some are set aside for testing if no test images are given.
        y_train, y_test : array, shape (n, y, x) or (n, y, x, nb_classes)
            Labels.
        n_models : int
            How many members.
        **options
            See `napari_atomai.trainers.options.TrainingOptions`.

        Returns
        -------
        net : torch.nn.Module
            With the weights of the member that has the lowest test loss.
        ensemble : Ensemble
        """
        data = Labelled(X_train, y_train, X_test, y_test)
        return finish(self.training_from_scratch(data, n_models, **options))

    def training_from_scratch(
        self, data: Labelled, n_models: int = 10, **options: Unpack[SegmentationWords]
    ) -> Generator[Progress, None, Result]:
        """Train as `train_ensemble_from_scratch` does, and yield Progress."""
        asked, pairs = self._begun(data, n_models, options)

        def make(index: int) -> Trainer:
            return self._run(
                fresh(self.base.model, member_seed(self.base.seed, index), self.base.fresh_net),
                pairs,
                asked,
                index,
            )

        results = yield from trained_apart(make, n_models, self.members)
        best = min(range(n_models), key=lambda index: results[index].test_loss)
        self.base.net.load_state_dict(self.members[best])
        return self._result(asked, [result.test_loss for result in results])

    def train_ensemble_from_baseline(
        self,
        X_train: ArrayLike,
        y_train: ArrayLike,
        X_test: ArrayLike | None = None,
        y_test: ArrayLike | None = None,
        n_models: int = 10,
        *,
        basemodel: nn.Module | None = None,
        training_cycles_ensemble: int = 100,
        **options: Unpack[SegmentationWords],
    ) -> Result:
        """Train one net, and from its weights every member, with a fresh optimizer and an order of its own.

        Parameters
        ----------
        X_train, y_train, X_test, y_test, n_models
            See `train_ensemble_from_scratch`.
        basemodel : torch.nn.Module, optional
            A trained net to begin from, instead of training one.
        training_cycles_ensemble : int
            Cycles of each member; those of the base are `training_cycles`.
        **options
            See `napari_atomai.trainers.options.TrainingOptions`.

        Returns
        -------
        net : torch.nn.Module
            The base.
        ensemble : Ensemble
        """
        return finish(
            self.training_from_baseline(
                Labelled(X_train, y_train, X_test, y_test),
                n_models,
                basemodel=basemodel,
                training_cycles_ensemble=training_cycles_ensemble,
                **options,
            )
        )

    def training_from_baseline(
        self,
        data: Labelled,
        n_models: int = 10,
        *,
        basemodel: nn.Module | None = None,
        training_cycles_ensemble: int = 100,
        **options: Unpack[SegmentationWords],
    ) -> Generator[Progress, None, Result]:
        """Train as `train_ensemble_from_baseline` does, and yield Progress."""
        asked, pairs = self._begun(data, n_models, options)
        whole_number("training_cycles_ensemble", training_cycles_ensemble)
        short = asked.updated({"training_cycles": training_cycles_ensemble})
        cycles = 0 if basemodel is not None else asked.options.training_cycles
        of = cycles + n_models * training_cycles_ensemble
        if basemodel is not None:
            _take_over(basemodel, self.base.net)
        else:
            base = self.base.run_of(self.base.net, pairs, asked)
            yield from counted(base.training(), 0, of, "base model")

        def make(index: int) -> Trainer:
            return self._run(copy.deepcopy(self.base.net), pairs, short, index)

        work = trained_apart(make, n_models, self.members)
        losses = [result.test_loss for result in (yield from counted(work, cycles, of))]
        return self._result(asked, losses)

    def train_swag(
        self,
        X_train: ArrayLike,
        y_train: ArrayLike,
        X_test: ArrayLike | None = None,
        y_test: ArrayLike | None = None,
        n_models: int = 10,
        **options: Unpack[SegmentationWords],
    ) -> Result:
        """Train one net, and draw members from a Gaussian around the last part of its trajectory.

        Parameters
        ----------
        X_train, y_train, X_test, y_test, n_models
            See `train_ensemble_from_scratch`.
        **options
            See `napari_atomai.trainers.options.TrainingOptions`; weights are collected from `swa_start` on.

        Returns
        -------
        net : torch.nn.Module
            With the mean weights.
        ensemble : Ensemble
        """
        return finish(self.training_swag(Labelled(X_train, y_train, X_test, y_test), n_models, **options))

    def training_swag(
        self, data: Labelled, n_models: int = 10, **options: Unpack[SegmentationWords]
    ) -> Generator[Progress, None, Result]:
        """Train as `train_swag` does, and yield Progress."""
        asked, pairs = self._begun(data, n_models, options)
        run = self.base.run_of(self.base.net, pairs, asked)
        trained = yield from trained_swag(run, n_models, self.members)
        return self._result(asked, [trained.test_loss])

    def _begun(
        self, data: Labelled, count: int, options: Mapping[str, Any]
    ) -> tuple[Asked, tuple[Pairs, Pairs]]:
        data = Labelled.of(data)
        whole_number("n_models", count, remedy="Give a whole number of at least 1; 5 to 10 tell much more.")
        Asked(given := with_words(options), _WORDS)  # misspelt words are refused with the nearest
        asked = self._asked.updated(given)
        self.members = []
        return asked, self.base.pairs(data, asked.options.batch_size)

    def _run(self, net: nn.Module, pairs: tuple[Pairs, Pairs], asked: Asked, index: int) -> Trainer:
        seed = member_seed(asked.options.seed, index)
        return self.base.run_of(net, pairs, asked.updated({"seed": seed}))

    def _result(self, asked: Asked, losses: list[float]) -> Result:
        self.base.asked = asked
        try:
            card = self.base.card("ensemble", {"test_loss": sum(losses) / len(losses)})
        except BadModel:  # a net without a name: it predicts, and says how to get one when it is to be saved
            card = None
        return self.base.net.eval(), Ensemble(self.base.net, self.members, card, self.base.scaling)


def _take_over(basemodel: Any, net: nn.Module) -> None:
    """Give a net the weights of a trained one, or of a model that holds one."""
    trained = getattr(basemodel, "net", basemodel)
    if not isinstance(trained, nn.Module):
        raise BadOption(
            f"basemodel is a {type(basemodel).__name__}.", remedy="Give a trained net, or a Segmentor."
        )
    try:
        net.load_state_dict(trained.state_dict())
    except RuntimeError as error:
        raise BadModel(
            f"The weights of the basemodel do not fit the net of this trainer: {error}",
            remedy="Give this trainer the net, nb_classes, channels and net_options of the basemodel.",
        ) from error
