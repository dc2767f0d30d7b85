"""Species and sublattices: which atoms are of a kind, by brightness and by what lies around them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.atoms import Atoms
from napari_atomai.errors import BadAtoms, BadOption, UnknownOption
from napari_atomai.prepare.places import Coordinates, places
from napari_atomai.stat.class_number import Evidence, evidence_for, suggested_number
from napari_atomai.stat.class_view import View, grey_stack, require_sklearn, unit
from napari_atomai.stat.clusters import METHODS, divided, in_order, main_features

Vector = NDArray[np.float64]
Integers = NDArray[np.int64]
By = Literal["brightness", "surroundings", "both"]

_UNEVEN = 0.25
"""Change of brightness across an image that is worth a word."""

_ROUNDS = 3
_DOUBTFUL = 0.9
_LARGEST = 20
_BY = ("brightness", "surroundings", "both")


@dataclass(frozen=True, eq=False)
class Classified:
    """Classes of atoms and why they are what they are.

    Parameters
    ----------
    classes : array of int, shape (N,)
        From 0, the class that is dimmest on average, to the brightest.
    probability : array, shape (N,)
        Of the class each atom was given.
    probabilities : array, shape (N, K)
        Of every class.
    brightness : array, shape (N,)
        Above the background between the atoms; relative to the atoms around where that was asked for.
    evidence : tuple of Evidence
        For each number of classes that was tried; empty where the number was given.
    notes : tuple of str
        What a person should know.
    description : str
        The outcome in words.
    """

    classes: Integers
    probability: Vector
    probabilities: Vector
    brightness: Vector
    evidence: tuple[Evidence, ...]
    notes: tuple[str, ...]
    description: str

    def applied(self, atoms: Atoms, names: Sequence[str] | None = None) -> Atoms:
        """Return atoms with these classes and a feature ``class_probability``.

        Parameters
        ----------
        atoms : Atoms
            Those that were classified.
        names : sequence of str, optional
            Of the classes, from the dimmest to the brightest; "class 0", "class 1" ... when left out.

        Raises
        ------
        BadAtoms
            If there are more or fewer atoms than were classified, or names than classes.
        """
        given = names or [f"class {number}" for number in range(self.probabilities.shape[1])]
        if len(atoms) != len(self.classes) or len(given) != self.probabilities.shape[1]:
            raise BadAtoms(
                f"{len(self.classes)} atoms are of {self.probabilities.shape[1]} classes; {len(atoms)} atoms "
                f"and {len(given)} names were given.",
                remedy="Give the atoms that were classified, and one name for each class.",
            )
        features = {**atoms.features, "class_probability": self.probability}
        return dataclasses.replace(atoms, classes=self.classes, class_names=tuple(given), features=features)


def classify(
    coordinates: Coordinates,
    image: ArrayLike,
    method: Literal["threshold", "kmeans", "meanshift", "gmm"] = "gmm",
    *,
    by: By = "brightness",
    n_classes: int = 0,
    relative: bool = False,
    window_size: float = 0.0,
    seed: int = 0,
) -> Classified:
    """Divide atoms into classes: species by brightness, sublattices and defects by their surroundings.

    Parameters
    ----------
    coordinates : Atoms, mapping of frame to array, or array
        ``{frame: (N, 3)}`` or a table (N, 2) of row, column in pixels. Classes they have are not looked at.
    image : array, shape (y, x), (n, y, x) or (n, y, x, 1)
        Bright atoms; give the negative of an image with dark ones.
    method : {"threshold", "kmeans", "meanshift", "gmm"}
        Thresholds of least variance within classes (Otsu; brightness only), k-means, mean shift, or a
        mixture of Gaussians.
    by : {"brightness", "surroundings", "both"}
        Brightness of each atom tells species; the principal components of the patch around it, itself left
        out, tell sites (sublattices); both together also tell a dopant from the others on its site.
    n_classes : int
        How many; 0 suggests a number from 1 to 6 and says why.
    relative : bool
        Whether to compare each atom with those around it, so that gradients of thickness drop out. An area
        of one species is then told from one of another only near their border.
    window_size : float
        Side of the patches in pixels; 0 = as far as the nearest neighbours.
    seed : int
        The same seed gives the same classes.

    Returns
    -------
    Classified

    Raises
    ------
    BadAtoms, BadImage
        If coordinates or images do not hold together, or there are no atoms.
    BadOption, UnknownOption
        If an option is out of range or has no such value.
    MissingExtra
        If scikit-learn is not installed.
    """
    _check_words(method, by, n_classes)
    require_sklearn()
    stack = grey_stack(image)
    where = places(coordinates, len(stack))
    if len(where) < max(n_classes, 1):
        raise BadAtoms(
            f"There are {len(where)} atoms for {max(n_classes, 1)} classes.",
            remedy="Find atoms first, or ask for fewer classes.",
        )
    view = View.of(stack, where)
    raw, inner = view.brightness(), view.inner()
    patches = None if by == "brightness" else view.patches(window_size)
    groups = np.zeros(len(where), np.int64)
    for _ in range(_ROUNDS if relative else 1):
        bright = view.levelled(raw, groups) if relative else raw
        features = _features(by, raw, bright, patches)
        evidence = () if n_classes or method == "meanshift" else evidence_for(features[inner], seed)
        number = n_classes or (suggested_number(evidence) if evidence else 0)
        groups, probabilities = divided(features, method, number, seed)
    labels, probabilities = in_order(bright, groups, probabilities)
    probability = probabilities[np.arange(len(labels)), labels]
    notes = _notes(0.0 if relative else view.gradient(raw), probability)
    words = _described(labels, bright, probabilities.shape[1], method, by, evidence)
    return Classified(labels, probability, probabilities, bright, evidence, notes, words)


def _features(by: By, raw: Vector, bright: Vector, patches: Vector | None) -> Vector:
    single = unit(bright)
    if patches is None:
        return single
    share = np.divide(bright, raw, out=np.ones_like(raw), where=np.abs(raw) > 1e-12)
    parts = main_features(patches * np.clip(share, 0, 10 * np.median(share))[:, None])
    return parts if by == "surroundings" else np.hstack([single, parts])


def _notes(uneven: float, probability: Vector) -> tuple[str, ...]:
    notes = []
    if uneven > _UNEVEN:
        notes.append(
            f"Brightness changes by {uneven:.0%} across the image. If that is thickness and not species, "
            "relative=True takes it out."
        )
    doubtful = int((probability < _DOUBTFUL).sum())
    if doubtful:
        notes.append(f"{doubtful} of {len(probability)} atoms have a probability below {_DOUBTFUL:g}.")
    return tuple(notes)


def _described(
    labels: Integers, bright: Vector, count: int, method: str, by: str, evidence: tuple[Evidence, ...]
) -> str:
    groups = [bright[labels == number] for number in range(count)]
    parts = [
        f"class {number}: {len(group)} atom{'s' * (len(group) > 1)}, "
        f"brightness {group.mean():.3g} ± {group.std():.2g}"
        for number, group in enumerate(groups)
        if len(group)
    ]
    words = f"{len(labels)} atoms in {count} class{'es' if count > 1 else ''} by {by} ({method}). "
    words += "; ".join(parts) + "."
    if not evidence:
        return words
    tried = ", ".join(
        f"{entry.classes} (BIC {entry.bic:.0f}, silhouette {entry.silhouette:.2f}, valley {entry.valley:.2f})"
        for entry in evidence
    )
    return f"{words} {count} has the best BIC of the numbers whose classes are apart; tried: {tried}."


def _check_words(method: str, by: str, n_classes: int) -> None:
    if method not in METHODS:
        raise UnknownOption("method", method, METHODS)
    if by not in _BY:
        raise UnknownOption("kind of feature", by, _BY)
    if not 0 <= n_classes <= _LARGEST:
        raise BadOption(
            f"{n_classes} classes were asked for.",
            remedy=f"Give a number up to {_LARGEST}, or 0 to have one suggested.",
        )
    if method == "threshold" and by != "brightness":
        raise BadOption(
            f"A threshold cannot divide by {by}.",
            why="It needs one number for each atom.",
            remedy="Use by='brightness', or kmeans, meanshift or gmm.",
        )
    if method == "meanshift" and n_classes:
        raise BadOption(
            f"{n_classes} classes were asked of mean shift.",
            why="It finds their number by itself.",
            remedy="Leave n_classes at 0, or use kmeans or gmm.",
        )
