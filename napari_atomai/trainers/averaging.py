"""What is done to the weights beside learning: perturbation, averages, and samples around an average."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from napari_atomai.errors import BadOption
from napari_atomai.trainers.options import Perturbation

Weights = dict[str, torch.Tensor]

SWAG_RANK = 20
"""Columns of the low-rank part of SWAG's covariance, as in its paper."""


@torch.no_grad()
def perturb(net: nn.Module, how: Perturbation, cycle: int, random: torch.Generator) -> bool:
    """Put noise on the weights if it is time; return whether it was.

    Only what is learned is touched, not the statistics of batch normalisation: a variance must stay positive.

    Parameters
    ----------
    net : torch.nn.Module
        Changed in place.
    how : Perturbation
        With its interval worked out.
    cycle : int
        Counted from 0.
    random : torch.Generator
        On the CPU.
    """
    if (cycle + 1) % how.e_p:
        return False
    width = (how.a / (1 + cycle) ** how.gamma) ** 0.5
    for parameter in net.parameters():
        if parameter.requires_grad:
            noise = torch.randn(parameter.shape, generator=random, dtype=torch.float32)
            parameter.add_(noise.to(parameter), alpha=width)
    return True


def copied(net: nn.Module) -> Weights:
    """Return a copy of all parameters and buffers, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in net.state_dict().items()}


def refresh_statistics(net: nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Compute the statistics of batch normalisation anew from batches; nothing else in the net changes.

    Needed where weights were not trained but made (Izmailov et al., arXiv:1803.05407, section 3.2).
    """
    update_bn(batches, net)


@dataclass(eq=False)
class Swag:
    """A Gaussian over weights from one trajectory: mean, diagonal and low-rank covariance.

    Maddox et al., arXiv:1902.02476: half of the covariance is diagonal, the variance of each weight along the
    trajectory; half is of low rank, spanned by the last deviations from the running mean.

    Parameters
    ----------
    rank : int
        How many of the last deviations are kept.
    """

    rank: int = SWAG_RANK
    count: int = 0
    mean: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    spread: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    deviations: list[torch.Tensor] = field(default_factory=list)

    @torch.no_grad()
    def add(self, net: nn.Module) -> None:
        """Take the weights as they are now into account."""
        flat = _flat(net).double()
        if not self.count:
            self.mean, self.spread = torch.zeros_like(flat), torch.zeros_like(flat)
        self.count += 1
        before = flat - self.mean
        self.mean = self.mean + before / self.count
        # Welford's sum of squares: stays positive and exact where a mean of squares would not.
        self.spread = self.spread + before * (flat - self.mean)
        self.deviations = [*self.deviations, (flat - self.mean).float()][-self.rank :]

    @torch.no_grad()
    def draw(self, net: nn.Module, random: torch.Generator, scale: float = 1.0) -> None:
        """Give a net weights drawn from the Gaussian; its batch statistics must be refreshed afterwards.

        A weight that never changed has no spread and stays what it is.

        Parameters
        ----------
        net : torch.nn.Module
            Changed in place.
        random : torch.Generator
            On the CPU.
        scale : float
            Factor on the covariance; 1 is the paper's, 0 gives the mean.

        Raises
        ------
        BadOption
            If fewer than two sets of weights were seen.
        """
        if self.count < 2:
            raise BadOption(
                f"SWAG saw the weights of {self.count} cycles.",
                why="A spread needs at least two.",
                remedy="Train for more cycles, or let swa_start be smaller.",
            )
        diagonal = (self.spread / self.count).clamp(min=0).sqrt().float()
        noise = torch.randn(len(diagonal), generator=random, dtype=torch.float32) * diagonal
        columns = torch.stack(self.deviations)
        along = (
            torch.randn(len(columns), generator=random, dtype=torch.float32)
            @ columns
            / max(len(columns) - 1, 1) ** 0.5
        )
        drawn = self.mean + (scale / 2) ** 0.5 * (noise + along)
        _give(net, drawn.float())


def _flat(net: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().cpu().flatten() for parameter in net.parameters()])


def _give(net: nn.Module, flat: torch.Tensor) -> None:
    parameters = list(net.parameters())
    pieces = torch.split(flat, [each.numel() for each in parameters])
    for parameter, piece in zip(parameters, pieces, strict=True):
        parameter.copy_(piece.view_as(parameter))


def mean_weights(members: Iterable[Mapping[str, torch.Tensor]]) -> Weights:
    """Return the mean of several sets of weights; whole numbers (counters) are those of the first."""
    every = list(members)
    return {
        name: torch.stack([each[name] for each in every]).mean(0) if value.is_floating_point() else value
        for name, value in every[0].items()
    }
