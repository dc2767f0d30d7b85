"""The rounds of ELIT: their numbers, their atoms and their ensembles, and their folder. No torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.progress import Progress
from napari_atomai.data.recipes_teaching import Elit
from napari_atomai.errors import BadOption
from napari_atomai.files.atomic import replacing, write_text
from napari_atomai.files.tables import write_table
from napari_atomai.files.weights import Weights, read_weights, write_weights

Vector = NDArray[np.float64]

ROUNDS = "rounds.json"
"""Name of the record of all rounds in a folder."""


@dataclass(frozen=True, eq=False)
class Round:
    """What the ensemble sees after a round of learning; round 0 is the ensemble as it was.

    Parameters
    ----------
    number : int
        From 0.
    atoms : int
        Atoms found, with a score of 0.5 or more, and not within a quarter of the spacing from the border.
    labels : int
        Atoms that the nets are sure of and agree on: what the next round learns from.
    uncertainty : float
        Mean standard deviation of the score among the nets, over the atoms found.
    score : float
        Mean score of the atoms found.
    changed : float
        Share of the atoms that the round before did not have, or that are gone; NaN in round 0.
    f1 : float
        Against held-out labels; NaN without any.
    positions : tuple of array, shape (N, 2)
        Row, column of the atoms found, for each frame.
    model : Weights
        The ensemble.
    """

    number: int
    atoms: int
    labels: int
    uncertainty: float
    score: float
    changed: float
    f1: float
    positions: tuple[Vector, ...]
    model: Weights

    def row(self) -> dict[str, float | int]:
        """Return the numbers as one row of a table."""
        names = ("number", "atoms", "labels", "uncertainty", "score", "changed", "f1")
        return {name: getattr(self, name) for name in names}

    def told(self, recipe: Elit) -> Progress:
        """Return the progress that is told at the end of the round."""
        numbers = {name: float(value) for name, value in self.row().items() if np.isfinite(value)}
        return Progress(self.number, recipe.iterations, f"round {self.number}", numbers)


@dataclass(frozen=True, eq=False)
class Rounds:
    """All rounds, and why they ended.

    Parameters
    ----------
    rounds : tuple of Round
        From the ensemble as it was to the last.
    reason : str
        A sentence.
    """

    rounds: tuple[Round, ...]
    reason: str

    @property
    def last(self) -> Round:
        """The last round."""
        return self.rounds[-1]

    def table(self) -> dict[str, list[float | int]]:
        """Return one column for each number, one row for each round."""
        rows = [each.row() for each in self.rounds]
        return {name: [row[name] for row in rows] for name in rows[0]}


def rounds_in(folder: Path) -> list[dict[str, Any]]:
    """Return the numbers of each round in a folder: "atoms", "uncertainty" ...; None where unknown."""
    record = folder / ROUNDS
    if not record.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(record.read_text(encoding="utf-8"))["rounds"]
    return rows


def positions_in(folder: Path, number: int) -> tuple[Vector, ...]:
    """Return row, column (N, 2) of the atoms of each frame after a round."""
    with np.load(_stem(folder, number).with_suffix(".npz"), allow_pickle=False) as stored:
        return tuple(stored[f"frame{i}"] for i in range(len(stored.files)))


def model_in(folder: Path, number: int) -> Path | None:
    """Return the file of the ensemble after a round; None for round 0, which has learned nothing."""
    return _stem(folder, number).with_suffix(".safetensors") if number else None


def read_rounds(folder: Path, recipe: Elit, base: Weights) -> list[Round]:
    """Read the rounds that a folder holds; it is made when it is not there.

    Raises
    ------
    BadOption
        If they were made with other options.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / ROUNDS
    if not record.exists():
        return []
    told = json.loads(record.read_text(encoding="utf-8")).get("recipe", {})
    if {**told, "iterations": 0} != {**recipe.model_dump(mode="json"), "iterations": 0}:
        raise BadOption(
            f"{folder} holds rounds of other options.", remedy="Choose another folder, or the same options."
        )
    return [_round(folder, row, base) for row in rounds_in(folder)]


def _round(folder: Path, row: dict[str, Any], base: Weights) -> Round:
    number = int(row["number"])
    path = model_in(folder, number)
    uncertainty, score, changed, f1 = (
        float("nan") if row[name] is None else float(row[name])
        for name in ("uncertainty", "score", "changed", "f1")
    )
    return Round(
        number,
        int(row["atoms"]),
        int(row["labels"]),
        uncertainty,
        score,
        changed,
        f1,
        positions_in(folder, number),
        base if path is None else read_weights(path),
    )


def write_rounds(folder: Path | None, rounds: Sequence[Round], recipe: Elit) -> None:
    """Write the last round, then the record that says that it is whole; nothing without a folder."""
    if folder is None:
        return
    last = rounds[-1]
    path = model_in(folder, last.number)
    if path is not None:
        write_weights(path, last.model.card, last.model.tensors)
    with replacing(_stem(folder, last.number).with_suffix(".npz")) as part, part.open("wb") as stream:
        np.savez(stream, **{f"frame{i}": each for i, each in enumerate(last.positions)})  # type: ignore[arg-type]
    rows = [{k: None if v != v else v for k, v in each.row().items()} for each in rounds]
    text = json.dumps({"recipe": recipe.model_dump(mode="json"), "rounds": rows}, indent=2)
    write_text(text + "\n", folder / ROUNDS)
    write_table(Rounds(tuple(rounds), "").table(), folder / "rounds.csv")


def _stem(folder: Path, number: int) -> Path:
    return folder / f"round-{number:02d}"
