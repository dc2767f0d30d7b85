"""An ensemble: the weights of its members, their card, and the file that both lie in."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, overload

from torch import nn

from napari_atomai.data.arguments import shown
from napari_atomai.data.card import ModelCard
from napari_atomai.errors import BadModel, BadOption
from napari_atomai.files.weights import Weights as File
from napari_atomai.nets.registry import describe_net
from napari_atomai.prepare.scaling import Scaling, a_scaling
from napari_atomai.trainers.averaging import Weights, copied
from napari_atomai.trainers.saving import give, net_of, with_suffix, write_members


class Ensemble(Sequence[Weights]):
    """The members of an ensemble: a sequence of their weights, as torch's ``state_dict`` gives them.

    Parameters
    ----------
    net : torch.nn.Module
        Takes the weights of any member.
    members : sequence of dict
        At least one.
    card : ModelCard, optional
        Without it the ensemble cannot be saved.
    scaling : Scaling
        Of intensities, in training and in prediction.
    """

    def __init__(
        self,
        net: nn.Module,
        members: Sequence[Weights],
        card: ModelCard | None = None,
        scaling: Scaling | None = None,
    ) -> None:
        if not isinstance(net, nn.Module):
            raise BadOption(f"The net is {shown(net)}.", remedy="Give the torch.nn.Module of the members.")
        if card is not None and not isinstance(card, ModelCard):
            raise BadOption(f"The card is {shown(card)}.", remedy="Give a ModelCard, or none.")
        self.net, self.members, self.card = net, _members(members), card
        self.scaling = a_scaling(scaling)

    @overload
    def __getitem__(self, index: int) -> Weights: ...
    @overload
    def __getitem__(self, index: slice) -> list[Weights]: ...
    def __getitem__(self, index: int | slice) -> Weights | list[Weights]:
        return self.members[index]

    def __len__(self) -> int:
        return len(self.members)

    def nets(self) -> Iterator[nn.Module]:
        """Yield the members as nets, each a copy made when it is asked for."""
        for member in self.members:
            net = copy.deepcopy(self.net)
            net.load_state_dict(member)
            yield net.eval()

    def save_model(self, path: str | Path) -> Path:
        """Write all members and their card to one safetensors file, and return its path.

        Raises
        ------
        BadModel
            If the net has no name by which it could be built again.
        """
        if self.card is None:
            describe_net(self.net)  # says how to give the net a name
            raise BadModel("The ensemble has no card.", remedy="Save one that EnsembleTrainer made.")
        full = with_suffix(path)
        write_members(full, self.card.model_copy(update={"name": full.stem}), self.members)
        return full

    @classmethod
    def of_weights(cls, weights: File) -> Self:
        """Return the ensemble of an opened file."""
        card, net = weights.card, net_of(weights)
        members = []
        for member in reversed(weights.of_members()):  # the net is left with the first
            give(net, member)
            members.append(copied(net))
        scaling = Scaling.of(card.scaling) if card.scaling else Scaling(kind="none")
        return cls(net, members[::-1], card, scaling)


def _members(given: Any) -> list[Weights]:
    fits = isinstance(given, Sequence) and all(isinstance(member, Mapping) for member in given)
    if not fits or not len(given):
        raise BadOption(
            f"The members are {shown(given)}.",
            why="An ensemble has at least one member, and of each the weights of its net.",
            remedy="Give a list of state_dict().",
        )
    return list(given)
