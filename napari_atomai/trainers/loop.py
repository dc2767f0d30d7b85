"""The training loop: one for every net, loss and kind of data.

It yields Progress, can be stopped and resumed bit for bit, keeps the best weights, and draws nothing from the
global random state.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from napari_atomai.data.progress import Progress
from napari_atomai.errors import BadModel, Diverged
from napari_atomai.trainers.averaging import copied, perturb, refresh_statistics
from napari_atomai.trainers.batches import Batch, Batches
from napari_atomai.trainers.checkpoint import load_state, save_state
from napari_atomai.trainers.devices import Place, arrange, place_for
from napari_atomai.trainers.memory import micro_batch, out_of_memory
from napari_atomai.trainers.options import OptimizerMaker, TrainingOptions
from napari_atomai.trainers.randomness import Stream, generator, own_randomness, seed_of
from napari_atomai.trainers.run_state import Best, RunState, check_continues
from napari_atomai.trainers.schedules import learning_rate_factor
from napari_atomai.trainers.step import Learner
from napari_atomai.trainers.task import Objective, Pairs, Scores, Trained

_LOG = logging.getLogger(__name__)

_OPTIMIZERS: Mapping[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}


class Trainer:
    """One training run.

    Parameters
    ----------
    net : torch.nn.Module
        Trained in place. When the run ends, for whatever reason, it carries the weights that are kept.
    data : pair of Pairs
        What is learned from, and what the weights are judged on.
    objective : Objective
        Loss, scores and augmentation.
    options : TrainingOptions
    make_optimizer : function, optional
        From parameters to an optimizer, instead of the one the options name.
    checkpoint : path, optional
        Where the state of the run is kept; a run that lies there is continued.
    every : int
        Cycles between two checkpoints.
    """

    def __init__(
        self,
        net: nn.Module,
        data: tuple[Pairs, Pairs],
        objective: Objective,
        options: TrainingOptions,
        *,
        make_optimizer: OptimizerMaker | None = None,
        checkpoint: Path | None = None,
        every: int = 100,
    ) -> None:
        if not any(parameter.requires_grad for parameter in net.parameters()):
            raise BadModel("The net has no weights that can be learned.", remedy="Give a net with some.")
        self.net, self.objective, self.options = net, objective, options
        self.batches = Batches(*data, objective, options)
        self.notes: list[str] = []
        self._make_optimizer = make_optimizer
        self._checkpoint, self._every = checkpoint, every
        self._before: Mapping[str, Any] | None = None
        self._written: dict[str, Any] = {}
        self._run: RunState | None = None
        self.outcome: Trained | None = None
        """What came of the run, also one that was closed or failed on its way; None before it began."""
        self._micro = options.batch_size
        self._stop = False

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on with a run whose `state` this is; `training_cycles` counts from its first cycle.

        Raises
        ------
        BadModel, BadOption
            If it is not such a state, or one begun with other options or data.
        """
        check_continues(state, self.options, self.batches.fingerprint)
        self._before = state

    def stop(self) -> None:
        """End the run after the batch that is being worked on; the best weights so far are kept."""
        self._stop = True

    def state(self) -> dict[str, Any]:
        """Return the state of the run, as it is now or as it ended, for `resume`."""
        return (
            self._written if self._run is None else self._run.written(self.options, self.batches.fingerprint)
        )

    def training(self) -> Generator[Progress, None, Trained]:
        """Train; yields Progress after every batch, with losses when a cycle is done.

        Raises
        ------
        Diverged
            If the loss is not a number; the net then has the best weights from before.
        TooLarge
            If the memory is full.
        """
        home, initial = next(self.net.parameters()).device, copied(self.net)
        place, average = place_for(self.options), None
        try:
            run, learner = self._begun(place)
        except BaseException:
            self.net.load_state_dict(initial)
            arrange(self.net, home, torch.contiguous_format)
            raise
        try:
            while not self._over(run):
                yield self._advance(run, learner)
            average = self._averaged(run, learner)
        except (RuntimeError, MemoryError) as error:
            full = out_of_memory(error, learner.micro, learner.place)
            if full is None:
                raise
            raise full from error
        finally:
            # Also when the generator is closed or something raises: the net is left usable.
            self._written, self._run = run.written(self.options, self.batches.fingerprint), None
            kept = average or run.best
            self.net.load_state_dict(initial if kept is None else kept.weights)
            arrange(self.net, home, torch.contiguous_format).eval()
            outcome = self.outcome = self._trained(run, average)
        return outcome

    def _begun(self, place: Place) -> tuple[RunState, Learner]:
        options = self.options
        arrange(self.net, place.device)
        run = RunState(self.net, self._optimizer())
        if self._checkpoint is not None and self._before is None and self._checkpoint.exists():
            self.resume(load_state(self._checkpoint))
        if self._before is not None:
            run.restore(self._before)
        if run.step // self.batches.per_cycle < options.swa_first:
            run.average = None  # a run that is to be longer than it once was averages later
        inputs, targets = self.batches.one()
        one = inputs.to(place.device), targets.to(place.device)
        micro = micro_batch(self.net, one, self.objective, options)
        if micro < options.batch_size:
            self.notes.append(
                f"Batches of {options.batch_size} go through the net in parts of up to {micro}."
            )
        self._run, self._stop, self._micro = run, False, micro
        return run, Learner(self.net, self.objective, place, micro)

    def _optimizer(self) -> torch.optim.Optimizer:
        learned = [each for each in self.net.parameters() if each.requires_grad]
        if self._make_optimizer is not None:
            optimizer = self._make_optimizer(learned)
        else:
            kind = _OPTIMIZERS[self.options.optimizer]
            more: dict[str, Any] = {"momentum": 0.9} if kind is torch.optim.SGD else {}
            optimizer = kind(learned, lr=self.options.learning_rate, **more)  # type: ignore[call-arg]
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        return optimizer

    def _over(self, run: RunState) -> bool:
        options, cycle = self.options, run.step // self.batches.per_cycle
        if cycle >= options.training_cycles:
            return True
        if self._stop:
            self.notes.append(f"Stopped after {cycle} of {options.training_cycles} cycles.")
            return True
        patience = options.early_stopping
        if patience and run.best is not None and cycle - run.best.cycle >= patience:
            self.notes.append(f"Ended after cycle {cycle}: {patience} cycles brought no better test loss.")
            return True
        return False

    def _advance(self, run: RunState, learner: Learner) -> Progress:
        """Learn from one batch and, at the end of a cycle, look at the test images."""
        options, per_cycle = self.options, self.batches.per_cycle
        cycle, part = divmod(run.step, per_cycle)
        done = run.step / (options.training_cycles * per_cycle)
        for group in run.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * learning_rate_factor(options, cycle, done)
        if part == 0 or run.scores is None:
            run.scores = self._scores()
        seed = seed_of(options.seed, Stream.DROPOUT, run.step, learner.place.rank)
        with own_randomness(seed, learner.place.device):
            loss = learner.gradient(self.batches.learned(run.step), run.scores)
        self._check(loss, cycle, run)
        run.optimizer.step()
        run.losses.append(loss)
        run.step += 1
        if part + 1 < per_cycle:
            return Progress(cycle, options.training_cycles, f"batch {part + 1} of {per_cycle}")
        return self._cycle_done(run, learner, cycle)

    def _cycle_done(self, run: RunState, learner: Learner, cycle: int) -> Progress:
        options, place = self.options, learner.place
        if options.perturbation is not None:
            random = generator(options.seed, Stream.PERTURBATION, cycle)
            perturb(self.net, options.perturbation, cycle, random)
        if options.swa and cycle + 1 >= options.swa_first:
            run.average = AveragedModel(self.net) if run.average is None else run.average
            run.average.update_parameters(self.net)
        place.even_out(self.net.buffers())
        losses = {"train_loss": sum(run.losses) / len(run.losses)}
        scores = self._scores()
        losses["test_loss"] = self._judged(learner, self.batches.tested(cycle), scores)
        if scores is not None and run.scores is not None:
            losses["train_accuracy"], losses["test_accuracy"] = _accuracies(place, run.scores, scores)
        run.losses = []
        for name, value in losses.items():
            run.history.setdefault(name, []).append(value)
        run.keep_best(cycle + 1, self.batches.cycles_per_test)
        self._report(run, place, cycle + 1, losses)
        return Progress(cycle + 1, options.training_cycles, "training", losses)

    def _scores(self) -> Scores | None:
        make = self.objective.scores
        return make() if make is not None and self.options.compute_accuracy else None

    def _judged(self, learner: Learner, batches: Iterable[Batch], scores: Scores | None = None) -> float:
        total, count = 0.0, 0
        for batch in batches:
            total += len(batch[0]) * learner.judge(batch, scores)
            count += len(batch[0])
        return total / count

    def _check(self, loss: float, cycle: int, run: RunState) -> None:
        """Refuse to learn from a gradient that is not finite: the weights stay those before it."""
        norm = float(nn.utils.clip_grad_norm_(self.net.parameters(), self.options.clip_gradient or math.inf))
        if math.isfinite(loss) and math.isfinite(norm):
            return
        best = run.best
        kept = "the start" if best is None else f"cycle {best.cycle} (test loss {best.loss:.4g})"
        raise Diverged(
            f"In cycle {cycle + 1} the loss is {loss:g} and the norm of its gradient {norm:g}, at a learning "
            f"rate of {run.optimizer.param_groups[0]['lr']:g}.",
            why=f"Going on would make every weight NaN. The net has its weights of {kept} again.",
            remedy="Train with a smaller learning_rate, or with clip_gradient=1.",
        )

    def _report(self, run: RunState, place: Place, cycle: int, losses: Mapping[str, float]) -> None:
        last, every = cycle == self.options.training_cycles, self.options.print_loss
        if every and (last or cycle % every == 0):
            words = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in losses.items())
            _LOG.info("cycle %d of %d: %s", cycle, self.options.training_cycles, words)
        if self._checkpoint is not None and place.rank == 0 and (last or cycle % self._every == 0):
            save_state(self._checkpoint, run.written(self.options, self.batches.fingerprint))

    def _averaged(self, run: RunState, learner: Learner) -> Best | None:
        """Return the averaged weights with batch statistics of their own, if there is an average."""
        if run.average is None:
            return None
        last = copied(self.net)
        self.net.load_state_dict(run.average.module.state_dict())
        self.refresh()
        cycle = run.step // self.batches.per_cycle
        average = Best(self._judged(learner, self.batches.every_test()), cycle, copied(self.net))
        self.net.load_state_dict(last)
        return average

    def refresh(self) -> None:
        """Compute the batch statistics of the net anew, over one round of the images to learn from."""
        device, micro = next(self.net.parameters()).device, self._micro
        with own_randomness(seed_of(self.options.seed, Stream.DROPOUT), device):
            refresh_statistics(self.net, (part.to(device) for part in self.batches.inputs(micro)))

    def _trained(self, run: RunState, average: Best | None) -> Trained:
        best = run.best
        if best is None:
            self.notes.append("No cycle had a finite test loss: the net has the weights it began with.")
        return Trained(
            net=self.net,
            kept="average" if average else "best",
            cycles=run.step // self.batches.per_cycle,
            best_cycle=best.cycle if best else 0,
            test_loss=average.loss if average else best.loss if best else math.nan,
            history=run.history,
            notes=tuple(self.notes),
        )


def _accuracies(place: Place, *scores: Scores) -> list[float]:
    found = [scored.result() for scored in scores]
    values = [float(each.get("iou", next(iter(each.values())))) for each in found]
    return [value / place.world for value in place.total(*values)]
