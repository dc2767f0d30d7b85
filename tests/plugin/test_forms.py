"""A recipe as a form: every kind of option goes in and comes back as it was."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field
from qtpy.QtWidgets import QCheckBox, QFormLayout, QWidget

from napari_atomai.data.recipe import Recipe
from napari_atomai.errors import BadOption
from napari_atomai.plugin.forms import RecipeForm


class Every(Recipe):
    count: int = Field(3, ge=1, le=9)
    size: float = Field(0.5, ge=0, le=1)
    rate: float = Field(1e-3, gt=0, le=0.1)
    fast: bool = True
    name: str = "a"
    kind: Literal["one", "two"] = "two"
    limit: float | None = None
    most: int | None = Field(4, ge=0, le=10)
    place: tuple[float, float] = (1.5, 2.5)
    shape: tuple[int, int] = (3, 4)
    words: tuple[str, ...] = ("x", "y")
    numbers: tuple[float, ...] = ()


@pytest.fixture
def form(qtbot):
    box = QWidget()
    qtbot.addWidget(box)
    form = RecipeForm(Every, [(name, name) for name in Every.model_fields], QFormLayout(box))
    form.box = box
    return form


def test_the_defaults_come_back(form):
    assert form.recipe() == Every()


def test_what_is_put_in_comes_back_and_is_heard_of(form, qtbot):
    other = Every(
        count=7,
        size=0.25,
        rate=0.002,
        fast=False,
        name="b",
        kind="one",
        limit=2.5,
        most=None,
        place=(0.5, 9.0),
        shape=(8, 9),
        words=("z",),
        numbers=(1.5, 2.0),
    )
    heard = []
    form.changed.connect(lambda *_: heard.append(1))
    form.put(other.model_dump())
    assert form.recipe() == other
    assert heard


def test_an_option_that_may_be_none_has_a_tick(form):
    tick = form.widget("limit").findChild(QCheckBox)
    assert form.options()["limit"] is None
    tick.setChecked(True)
    assert isinstance(form.options()["limit"], float)


def test_a_list_that_is_none_is_refused_in_words(form):
    form.widget("numbers").setText("1, two")
    with pytest.raises(BadOption, match="no list of numbers"):
        form.recipe()


def test_ranges_come_from_the_recipe(form):
    assert (form.widget("count").minimum(), form.widget("count").maximum()) == (1, 9)
