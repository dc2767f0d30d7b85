"""A card says what a model is; cards of older versions are still read."""

from __future__ import annotations

import pytest

from napari_atomai.data.card import ModelCard
from napari_atomai.errors import BadModel

OF_0_1 = (
    '{"name":"old","version":"1","description":"","licence":"MIT","net":"unet","net_options":{"channels":2},'
    '"classes":["column"],"spacing_best":13.0,"spacing_min":8.0,"spacing_max":21.0,"normalisation":{},'
    '"training":{"recipe":"x"},"metrics":{"f1":0.8},"created":""}'
)


def test_a_card_of_an_older_version_is_that_of_a_finder_of_atoms() -> None:
    card = ModelCard.from_json(OF_0_1)
    assert (card.task, card.background, card.scaling, card.members) == ("find atoms", "none", {}, 1)
    assert card.spacing_known
    assert card.spacing_max == 21.0


def test_a_card_comes_back_as_it_went() -> None:
    card = ModelCard(
        name="seg",
        net="unet",
        task="segmentation",
        background="last",
        scaling={"kind": "percentile", "low": 0.1},
        loss="focal+dice",
        spacing_known=False,
    )
    assert ModelCard.from_json(card.to_json()) == card


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"name":"a"}', "'net'"),
        ('{"name":"a","net":"unet","task":"cook"}', "'task'"),
        ('{"name":"a","net":"unet","extra":1}', "'extra'"),
        ("[]", "'card'"),
        ("", "'card'"),
    ],
)
def test_what_is_no_card_is_refused_with_the_entry_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(BadModel, match=message):
        ModelCard.from_json(text)
