"""What nobody chose for a model of structure and spectrum: window, sampling, turned patches, net and cycles.

Windows are tried with the linear baseline, in blocks of the part that is learned from: what is held out in
the end has no say. A window that is smaller than what reaches into a spectrum (neighbours that couple, a beam
whose field goes far) bounds every model, and one that is too large gives it much to learn by heart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_atomai.data.recipes_spectra import TrainImSpec
from napari_atomai.prepare.pairs import Integers, StructureSpectra, block_numbers, held_out
from napari_atomai.stat.baselines import pca_regression, r2

_REACHES = (5.0, 8.0, 13.0)
"""Windows that are tried, in pixels of the spectrum image; the larger ones where blocks are as large."""
_WIDER = 2.0
_COARSE = 12
_FOLDS = 3
_DETAILED = 100
_GAIN = 0.01
_STEPS, _FEWEST_CYCLES, _MOST_CYCLES = 1600, 20, 300


def patch_for(reach: float) -> int:
    """Return the pixels along a patch of `reach` pixels of the spectrum image: some 2.5 to each, 16 to 32."""
    return 8 * min(max(math.ceil(2.5 * reach / 8), 2), 4)


def chosen_reach(cut: Callable[[float, int], StructureSpectra], recipe: TrainImSpec) -> float:
    """Return the window, in pixels of the spectrum image: twice as wide as a linear model's best one.

    A net makes more of what is farther away. It never gets wider than the blocks that are held out, which
    would be others then.

    Parameters
    ----------
    cut : function of (reach, patch)
        Cuts the pairs.
    recipe : TrainImSpec
        Its share and seed of what is held out.

    Returns
    -------
    float
        A larger one is taken where it explains a hundredth more of the variance.
    """
    best, score, widest = _REACHES[0], -math.inf, math.inf
    for reach in _REACHES:
        if reach > widest:
            break
        pairs = cut(reach, _COARSE)
        widest = max(_REACHES[0], max(pairs.shape) / 6)
        found = _score(pairs, recipe, pairs.patches)
        if found > score + _GAIN:
            best, score = reach, found
    return min(_WIDER * best, widest)


def turned_wanted(pairs: StructureSpectra, recipe: TrainImSpec) -> bool:
    """Say whether to learn from turned and mirrored patches too.

    Where the recipe leaves it open: if a linear model predicts no worse from what is the same for all eight
    orientations of a patch than from the patch as it lies.
    """
    if recipe.direction != "im2spec" or recipe.turned == "no":
        return False
    if recipe.turned == "yes":
        return True
    side = pairs.patches.shape[1] // 2 * 2
    patches = pairs.patches[:, :side, :side]
    if side > _COARSE:
        halves = (len(patches), side // 2, 2, side // 2, 2)
        patches = patches.reshape(halves).mean(axis=(2, 4))
    both = patches, patches[:, :, ::-1]
    level = np.mean([np.rot90(each, k, (1, 2)) for each in both for k in range(4)], axis=0)
    # Enough components that neither lacks detail: an even patch has an eighth of them.
    scores = [_score(pairs, recipe, each, _DETAILED) for each in (level, patches)]
    return scores[0] >= scores[1]


def net_words(recipe: TrainImSpec, in_dim: tuple[int, ...], *, turned: bool) -> dict[str, Any]:
    """Return the arguments of `napari_atomai.models.imspec.ImSpec` for pairs of this size.

    The encoder halves patches down to some four pixels, so that it sees them whole; spectra are made by two
    dense layers, images by dilated convolutions as in the paper.
    """
    im2spec = recipe.direction == "im2spec"
    halvings = int(np.clip(math.log2(max(min(in_dim) / 4, 1)), 0, 3))
    return {
        "latent_dim": recipe.latent_dim,
        "seed": recipe.seed,
        "nblayers_encoder": 4,
        "nbfilters_encoder": recipe.filters,
        "encoder_pooling": halvings,
        "symmetric": turned,
        "decoder": "mlp" if im2spec else "conv",
        "nblayers_decoder": 2 if im2spec else 4,
        "nbfilters_decoder": 2 * recipe.filters if im2spec else recipe.filters,
    }


def cycles_for(recipe: TrainImSpec, count: int, batch: int) -> int:
    """Return the recipe's cycles, or as many as make some 1,600 batches."""
    per_cycle = max(1, count // batch)
    wanted = min(max(math.ceil(_STEPS / per_cycle), _FEWEST_CYCLES), _MOST_CYCLES)
    return recipe.training_cycles or wanted


def _score(
    pairs: StructureSpectra, recipe: TrainImSpec, patches: NDArray[np.float64], components: int = 20
) -> float:
    """Return R2 of the linear baseline, blocks of what is learned from predicted from the others."""
    inputs = patches.reshape(len(patches), -1)
    truth, told = [], []
    for known, asked in _folds(pairs, recipe):
        truth.append(pairs.spectra[asked])
        told.append(pca_regression(inputs[known], pairs.spectra[known], inputs[asked], components))
    return r2(np.concatenate(truth), np.concatenate(told)) if truth else -math.inf


def _folds(pairs: StructureSpectra, recipe: TrainImSpec) -> Iterator[tuple[Integers, Integers]]:
    train, _ = held_out(pairs, recipe.held_out, recipe.seed)
    numbers, block_of = np.unique(block_numbers(pairs)[train], return_inverse=True)
    folds = np.random.default_rng(recipe.seed).permutation(len(numbers))[block_of] % _FOLDS
    for fold in range(_FOLDS):
        known, asked = train[folds != fold], train[folds == fold]
        if len(known) > 1 and len(asked):
            yield known, asked
