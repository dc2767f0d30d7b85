"""The paper's words are the options; a misspelt one gets a suggestion, a wrong value the values allowed."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import BadOption, UnknownOption
from napari_atomai.trainers.options import Asked, Perturbation, TrainingOptions, TrainingWords


def test_every_option_is_a_keyword_and_every_keyword_an_option() -> None:
    assert set(TrainingWords.__annotations__) == {*TrainingOptions.model_fields, "augmentation"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"traning_cycles": 5}, "Did you mean 'training_cycles'"),
        ({"batchsize": 5}, "Did you mean 'batch_size'"),
        ({"perturb_weights": {"gama": 1}}, "Did you mean 'gamma'"),
    ],
)
def test_a_misspelt_option_gets_a_suggestion(words: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownOption, match=message):
        Asked(words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"training_cycles": 0}, "'training_cycles' of 'Training' is 0"),
        ({"batch_size": -3}, "'batch_size' of 'Training' is -3"),
        ({"learning_rate": float("nan")}, "'learning_rate'"),
        ({"lr_scheduler": []}, "at least one"),
        ({"lr_scheduler": [0.1, -1]}, "from 0 to 10"),
        ({"swa_start": 1.0}, "'swa_start'"),
        ({"optimizer": "own"}, "no function was given"),
        ({"precision": "16"}, "'precision'"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(words: dict[str, Any], message: str) -> None:
    with pytest.raises(BadOption, match=message):
        Asked(words)


def test_functions_are_kept_beside_the_options_that_can_be_written_down() -> None:
    def own(*_: Any) -> Any:
        return None

    asked = Asked({"loss": own, "optimizer": own, "augmentation": own, "seed": 5})
    assert asked.loss is own
    assert asked.optimizer is own
    assert asked.augmentation is own
    assert TrainingOptions.model_validate_json(asked.options.model_dump_json()) == asked.options
    assert asked.words() == {"loss": own, "optimizer": own, "augmentation": own, "seed": 5}
    assert asked.updated({"loss": "dice"}).loss is None


def test_no_optimizer_means_the_usual_one() -> None:
    assert Asked({"optimizer": None}).options.optimizer == "adam"


def test_the_interval_of_perturbations_follows_what_a_cycle_is() -> None:
    assert TrainingOptions().perturbation is None
    assert TrainingOptions(perturb_weights=True).perturbation == Perturbation(e_p=50)
    assert TrainingOptions(perturb_weights=True, full_epoch=True).perturbation == Perturbation(e_p=1)
    given = TrainingOptions.of({"perturb_weights": {"a": 0.1, "e_p": 7}}).perturbation
    assert given == Perturbation(a=0.1, gamma=1.5, e_p=7)


def test_averaging_begins_where_it_is_to_and_always_before_the_end() -> None:
    assert TrainingOptions(training_cycles=100).swa_first == 76
    assert TrainingOptions(training_cycles=1, swa_start=0.99).swa_first == 1
