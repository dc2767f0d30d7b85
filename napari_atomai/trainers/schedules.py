"""The learning rate over a run, as a function of how far it is: nothing to save, nothing to restore."""

from __future__ import annotations

import math

from napari_atomai.trainers.options import TrainingOptions

_WARM_UP, _START, _END = 0.25, 0.04, 1e-4


def learning_rate_factor(options: TrainingOptions, cycle: int, done: float) -> float:
    """Return what the learning rate is multiplied by.

    Parameters
    ----------
    options : TrainingOptions
        Its `lr_scheduler`: "constant"; "cosine" (Loshchilov & Hutter, arXiv:1608.03983); "onecycle" (Smith &
        Topin, arXiv:1708.07120); or a learning rate for every cycle, of which the last goes on.
    cycle : int
        Number of the cycle, from 0.
    done : float
        Part of the run that is done, 0 to 1.
    """
    schedule = options.lr_scheduler
    if not isinstance(schedule, str):
        return schedule[min(cycle, len(schedule) - 1)] / options.learning_rate
    if schedule == "cosine":
        return _half_wave(done)
    if schedule == "onecycle":
        if done < _WARM_UP:
            return _START + (1 - _START) * _half_wave(1 - done / _WARM_UP)
        return _END + (1 - _END) * _half_wave((done - _WARM_UP) / (1 - _WARM_UP))
    return 1.0


def _half_wave(done: float) -> float:
    """From 1 at 0 down to 0 at 1."""
    return 0.5 * (1 + math.cos(math.pi * min(max(done, 0.0), 1.0)))
