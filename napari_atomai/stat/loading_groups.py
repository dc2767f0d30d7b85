"""Kinds of samples, by their loadings: which of them are made of the components in the same way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_atomai.stat.clusters import compact, divided
from napari_atomai.stat.components import Components

_TINY = 1e-9


def groups_of(found: Components, number: int, seed: int = 1) -> NDArray[np.int64]:
    """Divide samples into groups that the components describe alike.

    The largest loading does not tell them: where one component is the mean of all samples, it is the largest
    everywhere. Here two samples are as far apart as what the components make of them, which is divided by
    k-means.

    Parameters
    ----------
    found : Components
        Of N samples.
    number : int
        How many groups at most. Of a mixture its own classes are returned.
    seed : int
        Of the starts.

    Returns
    -------
    array of int, shape (N,)
        From 0; the largest group first.
    """
    if found.method in ("gmm", "pca_gmm"):
        return compact(found.classes)
    flat = found.components.reshape(len(found.components), -1).astype(np.float64)
    gram = flat @ flat.T
    # Loadings in axes at right angles: their distances are those of the samples that they make.
    axes = np.linalg.cholesky(gram + _TINY * max(float(np.trace(gram)), _TINY) * np.eye(len(gram)))
    features = found.loadings.astype(np.float64) @ axes
    different = len(np.unique(features.round(12), axis=0))
    labels = compact(divided(features, "kmeans", max(1, min(number, different)), seed)[0])
    order = np.argsort(-np.bincount(labels), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[labels].astype(np.int64)
