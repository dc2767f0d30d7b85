"""Bring an image to the scale a net knows, and say which scale that is.

A net knows atoms at a certain spacing in pixels. Where the spacing of an image is not given, a few
zoom factors are tried on parts of it; the one at which the net is surest and the atoms it sees lie
at the spacing it was trained at is kept. Where that shows a lattice, zooms near it are compared by what the
calibrated scores themselves expect to go wrong: hollows between atoms are taken for atoms where the net sees
them too large, long before it is unsure of the lattice.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_atomai.data.card import ModelCard
from napari_atomai.data.progress import Progress
from napari_atomai.data.recipe import FINEST_SPACING
from napari_atomai.locate.centres import find_peaks
from napari_atomai.locate.neighbours import nearest_distances
from napari_atomai.locate.spacing import autocorrelation_spacing
from napari_atomai.predictors.engines import Engine
from napari_atomai.prepare.normalise import channels

Picture = NDArray[np.float32]

MAX_SPACING = 200.0
"""Largest spacing, in pixels of the image, that is tried."""

LATTICE = 0.5
"""Confidence in a scale above which a lattice was seen; noise and amorphous films stay below it."""

_ENLARGED = 1.5
_PART = 256
_FAVOURITES = 2
SURE = 0.35
"""Score from which on something seen counts as an atom while a scale is looked for."""

_LOOK = 512
"""Side of the part that is transformed, for a first look at the spacing."""

_CERTAIN = 0.75
"""Confidence from which on scales far from the one at hand are not tried."""

_FEWEST, _FEW = 4, 6
_LONE = 0.4

_NEARLY = 0.75
"""Part of the best confidence at which another zoom still is a choice."""

_ALIKE = 0.25
"""Octaves by which spacings may differ that are those of one lattice."""

_RIVAL = 0.85
"""Part of the best confidence at which the zoom of a finer lattice is taken instead."""

_FINER = 0.5
"""Octaves by which the spacing of a finer lattice is less."""

_CLEARLY = 2.0
"""Standard errors by which the doubt of another zoom must be less, for the surest one to be left."""

_ATOM = 0.5


@dataclass(frozen=True, slots=True)
class Scale:
    """How an image is brought to a net's scale.

    Parameters
    ----------
    zoom : float
        Factor by which the image is enlarged before the net sees it.
    spacing : float
        Distance between neighbouring atoms, in pixels of the image; NaN when none were seen.
    confidence : float
        How sure the net was of the atoms and their spacing, 0 to 1.
    doubt : float
        Atoms that the scores expect to be wrongly taken or missed at a threshold of 0.5, per atom found.
    doubt_sd : float
        Standard error of the doubt: few atoms say little.
    """

    zoom: float
    spacing: float
    confidence: float
    doubt: float = float("inf")
    doubt_sd: float = 0.0


_NOTHING = Scale(1.0, float("nan"), 0.0)


def resized(image: NDArray[np.floating], zoom: float) -> Picture:
    """Enlarge (or shrink) an image by `zoom`, smoothing first where detail would alias.

    Sample ``i`` of the image lies at ``(i + 0.5) * zoom - 0.5`` of the result (`zoom` as it comes out
    for whole pixels: see `true_zoom`).
    """
    pixels = np.asarray(image, np.float32)
    shape = zoomed_shape(pixels.shape, zoom)
    if shape == pixels.shape:
        return pixels
    if zoom < 1:
        pixels = ndimage.gaussian_filter(pixels, 0.5 * (1 / zoom - 1) + 0.2, mode="nearest")
    factors = tuple(new / old for new, old in zip(shape, pixels.shape, strict=True))
    result: Picture = ndimage.zoom(pixels, factors, order=1, mode="nearest", grid_mode=True)
    return result


def zoomed_shape(shape: tuple[int, ...], zoom: float) -> tuple[int, int]:
    """Rows and columns after enlarging by `zoom`; at least 8 each."""
    return max(round(shape[0] * zoom), 8), max(round(shape[1] * zoom), 8)


def true_zoom(shape: tuple[int, ...], zoom: float) -> NDArray[np.float64]:
    """Return the factors along rows and columns that `resized` really applies, in whole pixels."""
    factors: NDArray[np.float64] = np.array(zoomed_shape(shape, zoom)) / np.array(shape[:2])
    return factors


def find_scale(engine: Engine, card: ModelCard, image: Picture) -> Generator[Progress, None, Scale]:
    """Try zoom factors an octave apart, then half an octave around the best ones, and keep the best.

    Where the Fourier transform shows a lattice, the zooms around its spacing are tried first; if the net is
    sure there, no others are. Where the best one shows a lattice, zooms a quarter of an octave from it are
    tried too, and one with clearly less doubt is preferred.

    Parameters
    ----------
    engine, card
        The net, and the spacings it knows.
    image : array, shape (y, x)
        Finite pixels.

    Returns
    -------
    Scale
        With confidence 0 when the net saw no atoms at any scale.
    """
    zooms = _zooms(card, image.shape)
    steps = len(zooms) + 4 * _FAVOURITES + 2
    tried: list[Scale] = []

    def trying(factors: Iterable[float]) -> Generator[Progress]:
        for zoom in factors:
            tried.append(try_scale(engine, card, image, zoom))
            yield Progress(len(tried), steps, "looking for the scale")

    likely = _around(zooms, _first_look(card, image))
    yield from trying(likely)
    yield from trying(_beside(tried, 0.5, card))
    if not _settled(tried):
        yield from trying(zoom for zoom in zooms if zoom not in likely)
        favourites = sorted((one for one in tried if one.zoom in zooms), key=_confidence, reverse=True)
        known = {round(one.zoom, 9) for one in tried}
        beside = _beside(favourites[:_FAVOURITES], 0.5, card)
        yield from trying(zoom for zoom in beside if zoom not in known)
    best = _finest(tried, max(tried, key=_confidence))
    if best.confidence >= LATTICE:
        yield from trying(_beside([best], 0.25, card))
        return _least_doubtful(tried, best)
    # From an enlarged image only a lattice is believed: grains of noise, enlarged, pass for atoms.
    best = max((one for one in tried if one.zoom <= _ENLARGED), key=_confidence, default=_NOTHING)
    return best if best.confidence > 0 else _NOTHING


def _first_look(card: ModelCard, image: Picture) -> float | None:
    """Return the zoom that the Fourier transform of the middle of an image speaks for, if any."""
    sides = [min(n, _LOOK) for n in image.shape]
    rows, columns = (slice((n - m) // 2, (n + m) // 2) for n, m in zip(image.shape, sides, strict=True))
    spacing = autocorrelation_spacing(image[rows, columns])
    return None if spacing is None else card.spacing_best / spacing


def _around(zooms: list[float], likely: float | None) -> list[float]:
    """Return the two of the rising zooms that the likely one lies between; none if it lies outside."""
    if likely is None:
        return []
    above = int(np.searchsorted(zooms, likely))
    return zooms[above - 1 : above + 1] if 0 < above < len(zooms) else []


def _settled(tried: list[Scale]) -> bool:
    """Whether nothing else need be tried: the net is sure, and not at the end of what was."""
    if not tried:
        return False
    best = max(tried, key=_confidence)
    ends = [pick(one.zoom for one in tried) for pick in (min, max)]
    return best.confidence >= _CERTAIN and best.zoom not in ends


def _beside(scales: Iterable[Scale], octaves: float, card: ModelCard) -> list[float]:
    """Zooms so many octaves below and above those at which something was seen."""
    seen = [one.zoom for one in scales if one.confidence > 0]
    zooms = {round(zoom * factor, 9) for zoom in seen for factor in (2**-octaves, 2**octaves)}
    return sorted(zoom for zoom in zooms if zoom <= card.spacing_best / FINEST_SPACING)


def _finest(tried: Iterable[Scale], best: Scale) -> Scale:
    """Return the zoom that sees a finer lattice than the best, if it is nearly as sure and as free of doubt.

    A pair of columns, seen small, passes for one blob; two lattices in an image have two zooms. What is seen
    of the finer one is there, as the net sees columns that are none with doubt, so the coarser one lacks it.
    """
    least = max(_RIVAL * best.confidence, LATTICE)
    finer = [
        one
        for one in tried
        if one.confidence >= least
        and np.log2(best.spacing / one.spacing) > _FINER
        and one.doubt - best.doubt <= _CLEARLY * np.hypot(one.doubt_sd, best.doubt_sd)
    ]
    return max(finer, key=_confidence, default=best)


def _least_doubtful(tried: Iterable[Scale], best: Scale) -> Scale:
    """Return the zoom with the least doubt that sees the lattice of the best, if the difference is clear."""
    sure = (one for one in tried if one.confidence >= _NEARLY * best.confidence)
    # Too small, a net may see every second column only, and those well.
    alike = [one for one in sure if abs(np.log2(one.spacing / best.spacing)) < _ALIKE]
    least = min(alike, key=lambda one: one.doubt)
    clear = best.doubt - least.doubt > _CLEARLY * np.hypot(best.doubt_sd, least.doubt_sd)
    return replace(least, confidence=best.confidence) if clear else best


def _confidence(scale: Scale) -> float:
    return scale.confidence


def _zooms(card: ModelCard, shape: tuple[int, ...]) -> list[float]:
    # Atoms further apart than a third of the image cannot be told from a background.
    widest = max(min(MAX_SPACING, max(shape) / 3), 2 * FINEST_SPACING)
    low, high = card.spacing_best / widest, card.spacing_best / FINEST_SPACING
    count = int(np.ceil(np.log2(high / low))) + 1
    return [float(zoom) for zoom in np.geomspace(low, high, count)]


def try_scale(engine: Engine, card: ModelCard, image: Picture, zoom: float) -> Scale:
    """Look at parts of an image under one zoom, and say how sure the net is that it fits."""
    scores, gaps = [], []
    for part in _parts(image, zoom):
        stack = channels(resized(part, zoom))
        probability = _whole(engine, stack)
        peaks = find_peaks(probability, min_distance=0.35 * card.spacing_best)
        scores.append(peaks.scores)
        gaps.append(nearest_distances(peaks.positions[peaks.scores >= SURE]))
    return scale_of(np.concatenate(scores), np.concatenate(gaps), zoom, card.spacing_best)


def scale_of(scores: NDArray[np.float64], gaps: NDArray[np.float64], zoom: float, best: float) -> Scale:
    """Say how well a zoom suits a net, by what the net saw.

    Parameters
    ----------
    scores : array
        Of all that it saw.
    gaps : array
        Distances from each atom with a score of at least `SURE` to its nearest neighbour, in the pixels that
        the net saw.
    zoom, best : float
        The zoom, and the spacing that the net knows best.
    """
    score, gap = scores[scores >= SURE], gaps[np.isfinite(gaps)]
    if len(score) == 0:
        return Scale(zoom, float("nan"), 0.0)
    if len(gap) < _FEWEST:
        # A few lone atoms have no spacing: believed only when no scale shows more of them.
        return Scale(zoom, best / zoom, _LONE * float(score.mean()) ** 2)
    spacing = float(np.median(gap))
    if spacing < FINEST_SPACING * zoom:
        return Scale(zoom, float("nan"), 0.0)  # grains of noise, enlarged
    octaves = np.log2(spacing / best)
    regular = float(np.mean(np.abs(np.log2(gap / spacing)) < 0.35))
    many = len(gap) / (len(gap) + _FEW)  # a handful of blobs may be regular by chance
    confidence = float(score.mean()) * regular * many * float(np.exp(-0.5 * (octaves / 0.5) ** 2))
    return Scale(zoom, spacing / zoom, confidence, *_doubt(scores))


def _doubt(scores: NDArray[np.float64]) -> tuple[float, float]:
    """Atoms expected to be wrongly taken or missed, per atom taken, and the standard error of that."""
    taken = scores >= _ATOM
    wrong = np.where(taken, 1 - scores, scores).sum()
    spread = np.sqrt((scores * (1 - scores)).sum())
    count = max(int(taken.sum()), 1)
    return float(wrong / count), float(spread / count)


def _parts(image: Picture, zoom: float) -> list[Picture]:
    """Return the image, or two parts of it, of which one may lie in a hole; small after zooming."""
    side = max(int(_PART / zoom), 16)
    rows, columns = (min(side, n) for n in image.shape)
    spare = np.array(image.shape) - (rows, columns)
    if not spare.any():
        return [image]
    starts = [(spare * share).astype(int) for share in ((0.35, 0.4), (0.65, 0.6))]
    return [image[r : r + rows, c : c + columns] for r, c in starts]


def _whole(engine: Engine, stack: Picture) -> Picture:
    rows, columns = stack.shape[1:]
    widths = [(0, 0), (0, (-rows) % engine.multiple), (0, (-columns) % engine.multiple)]
    return engine(np.pad(stack, widths, mode="symmetric")[None])[0, 0, :rows, :columns]
