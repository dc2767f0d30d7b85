"""Recipes refuse what they do not know, and come back from their JSON."""

from __future__ import annotations

import json

import pytest

from napari_atomai.data.recipe import FindAtoms, InputRecord, Record, RefineAtoms
from napari_atomai.errors import BadOption, UnknownOption


def test_a_misspelt_option_gets_a_suggestion() -> None:
    with pytest.raises(UnknownOption, match="Did you mean 'threshold'"):
        FindAtoms.of({"treshold": 0.3})


@pytest.mark.parametrize(("name", "value"), [("threshold", 2.0), ("spacing", -1), ("contrast", "grey")])
def test_a_value_out_of_range_is_named(name: str, value: object) -> None:
    with pytest.raises(BadOption, match=name):
        FindAtoms.of({name: value})


def test_a_record_comes_back_from_its_json() -> None:
    record = Record(
        input=InputRecord(path="a.dm4", shape=(3, 4), pixel_size_nm=(0.1, 0.2)),
        steps=(FindAtoms(threshold=0.3), RefineAtoms(method="none")),
        measured={"spacing_px": 12.123456789012345},
    )
    assert Record.from_json(record.to_json()) == record


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema_version": 99}, "schema version 99"),
        ({"steps": [{"step": "find_atom"}]}, "steps"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_foreign_record_is_refused_with_the_entry(change: dict[str, object], words: str) -> None:
    raw = json.loads(Record(steps=(FindAtoms(),)).to_json()) | change
    with pytest.raises(BadOption, match=words):
        Record.from_json(json.dumps(raw))


@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_what_is_not_a_record_is_refused(text: str) -> None:
    with pytest.raises(BadOption, match="recipe"):
        Record.from_json(text)
