"""Scores of a segmentation against counts made by hand."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import BadImage  # noqa: E402
from napari_atomai.trainers.metrics import (  # noqa: E402
    SegmentationScores,
    confusion,
    intersection_over_union,
    labels_of,
)


def sure(labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Logits (n, classes, ...) of a net that gives these labels."""
    if classes == 1:
        return (labels.float() * 2 - 1).unsqueeze(1)
    return torch.nn.functional.one_hot(labels, classes).movedim(-1, 1).float()


def test_the_table_counts_right_labels_in_rows_and_given_ones_in_columns() -> None:
    given, right = torch.tensor([[0, 1, 2, 2]]), torch.tensor([[0, 1, 1, -1]])
    assert confusion(given, right, 3).tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 0]]


def test_scores_of_one_class_are_those_of_the_object() -> None:
    right = torch.tensor([[[1, 1, 1, 0, 0, 0, 0, 0]]])
    given = torch.tensor([[[1, 1, 0, 1, 0, 0, 0, 0]]])
    scores = SegmentationScores(1)
    scores.update(sure(given, 1), right)
    found = scores.result()
    assert found["iou"] == found["iou_1"] == pytest.approx(2 / 4)
    assert found["iou_0"] == pytest.approx(4 / 6)
    assert found["accuracy"] == pytest.approx(6 / 8)
    assert (found["precision_1"], found["recall_1"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))


def test_the_mean_of_several_classes_leaves_out_those_that_do_not_occur() -> None:
    right, given = torch.tensor([[[0, 0, 1, 1]]]), torch.tensor([[[0, 1, 1, 1]]])
    scores = SegmentationScores(4)
    scores.update(sure(given, 4), right)
    found = scores.result()
    assert found["iou"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert "iou_2" not in found
    assert set(found) == {
        "iou",
        "accuracy",
        *(f"{n}_{k}" for n in ("iou", "precision", "recall") for k in (0, 1)),
    }


@pytest.mark.parametrize("classes", [1, 2, 5])
def test_a_perfect_result_scores_one_and_unlabelled_pixels_do_not_count(classes: int) -> None:
    right = torch.randint(0, max(classes, 2), (3, 8, 8), generator=torch.Generator().manual_seed(0))
    logits = sure(right, classes)
    target = right.clone()
    target[:, :3] = -1
    logits[:, :, :3] = -logits[:, :, :3]  # all wrong, where nobody looks
    scores = SegmentationScores(classes)
    scores.update(logits, target)
    assert set(scores.result().values()) == {1.0}


def test_batches_add_up_to_the_whole() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 3, 5, 5, generator=generator)
    target = torch.randint(-1, 3, (6, 5, 5), generator=generator)
    whole, pieces = SegmentationScores(3), SegmentationScores(3)
    whole.update(logits, target)
    for i in range(6):
        pieces.update(logits[i : i + 1], target[i : i + 1])
    assert whole.result() == pieces.result()
    assert int(whole.table.sum()) == int((target >= 0).sum())


def test_nothing_to_compare_is_not_a_number() -> None:
    scores = SegmentationScores(3)
    assert all(math.isnan(value) for value in scores.result().values())
    scores.update(torch.zeros(1, 3, 2, 2), torch.full((1, 2, 2), -1))
    assert math.isnan(scores.result()["iou"])


def test_intersection_over_union_of_every_label() -> None:
    given, right = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([0, 1, 1, 1, -1])
    found = intersection_over_union(given, right, 3)
    assert found[:2].tolist() == [pytest.approx(1 / 2), pytest.approx(2 / 3)]
    assert found[2].isnan()


def test_the_likeliest_label_is_taken() -> None:
    assert labels_of(torch.tensor([[[0.1, -0.1]]])).tolist() == [[1, 0]]
    assert labels_of(torch.tensor([[[0.1, 3.0], [0.2, 2.0]]])).tolist() == [[1, 0]]


def test_labels_out_of_range_and_other_shapes_are_named() -> None:
    with pytest.raises(BadImage, match="right labels go from 0 to 3; there are 3"):
        confusion(torch.tensor([0, 1]), torch.tensor([0, 3]), 3)
    with pytest.raises(BadImage, match="given labels go from -2 to 1"):
        confusion(torch.tensor([-2, 1]), torch.tensor([0, 1]), 3)
    with pytest.raises(BadImage, match=r"\(2,\) cannot be compared with \(3,\)"):
        confusion(torch.zeros(2), torch.zeros(3), 3)
