"""How good a segmentation is, batch by batch.

All scores come from one table of counts (right label against given label), which is ten lines of torch; a
library of metrics would be a dependency for nothing more.
"""

from __future__ import annotations

import math

import torch

from napari_atomai.errors import BadImage


def labels_of(logits: torch.Tensor) -> torch.Tensor:
    """Return the likeliest label (n, ...) of logits (n, classes, ...); one class: 1 where it is likely."""
    return (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1)


def confusion(given: torch.Tensor, right: torch.Tensor, labels: int, ignore_index: int = -1) -> torch.Tensor:
    """Count pixels by right label (row) and given label (column).

    Parameters
    ----------
    given, right : int tensors of equal shape
        Labels from 0 to `labels` - 1.
    labels : int
        How many there are.
    ignore_index : int
        Right label of pixels that do not count.

    Returns
    -------
    int64 tensor, shape (labels, labels)

    Raises
    ------
    BadImage
        If the shapes differ or a label is out of range.
    """
    if given.shape != right.shape:
        raise BadImage(
            f"Labels of shape {tuple(given.shape)} cannot be compared with {tuple(right.shape)}.",
            remedy="Give one label for every pixel.",
        )
    counts = right != ignore_index
    given, right = given[counts], right[counts]
    for kind, part in (("given", given), ("right", right)):
        if part.numel() and (part.min() < 0 or part.max() >= labels):
            raise BadImage(
                f"The {kind} labels go from {int(part.min())} to {int(part.max())}; there are {labels}.",
                remedy=f"Give labels from 0 to {labels - 1}, and {ignore_index} where nobody labelled.",
            )
    return torch.bincount(right * labels + given, minlength=labels**2).reshape(labels, labels)


def intersection_over_union(
    given: torch.Tensor, right: torch.Tensor, labels: int, ignore_index: int = -1
) -> torch.Tensor:
    """Return the intersection over union of every label; NaN for one that occurs in neither.

    Parameters
    ----------
    given, right : int tensors of equal shape
        Labels from 0 to `labels` - 1.
    labels : int
        How many there are.
    ignore_index : int
        Right label of pixels that do not count.

    Returns
    -------
    float64 tensor, shape (labels,)
    """
    return _iou(confusion(given, right, labels, ignore_index))


class SegmentationScores:
    """Collects results batch by batch; holds nothing but a table of counts.

    Parameters
    ----------
    classes : int
        Channels of the logits; 1: object (label 1) against background (label 0).
    ignore_index : int
        Label of pixels that do not count.

    Attributes
    ----------
    table : int64 tensor, shape (labels, labels), or None before the first batch
        Pixels by right label (row) and given label (column). Those of several processes may be added up.
    """

    def __init__(self, classes: int, ignore_index: int = -1) -> None:
        self.classes, self.ignore_index = classes, ignore_index
        self.table: torch.Tensor | None = None

    def update(self, logits: torch.Tensor, target: torch.Tensor) -> None:
        """Take logits (n, classes, ...) and labels (n, ...) into account."""
        seen = confusion(labels_of(logits), target, max(self.classes, 2), self.ignore_index)
        self.table = seen if self.table is None else self.table + seen

    def result(self) -> dict[str, float]:
        """Return the scores of what was seen.

        Returns
        -------
        dict
            "iou": of the object for one class, otherwise the mean over the labels that occur; "accuracy":
            part of the pixels that are right; "iou_0", "precision_0", "recall_0" ... of every label for
            which they exist. "iou" and "accuracy" are NaN where there is nothing to compare.
        """
        if self.table is None or not self.table.any():
            return {"iou": math.nan, "accuracy": math.nan}
        table = self.table.double().cpu()
        hits, iou = table.diagonal(), _iou(table)
        scores = {
            "iou": float(iou[1] if self.classes == 1 else iou.nanmean()),
            "accuracy": float(hits.sum() / table.sum()),
        }
        each = {"iou": iou, "precision": hits / table.sum(0), "recall": hits / table.sum(1)}
        for name, values in each.items():
            found = {f"{name}_{label}": float(value) for label, value in enumerate(values)}
            scores |= {key: value for key, value in found.items() if not math.isnan(value)}
        return scores


def _iou(table: torch.Tensor) -> torch.Tensor:
    counts = table.double()
    hits = counts.diagonal()
    return hits / (counts.sum(0) + counts.sum(1) - hits)
