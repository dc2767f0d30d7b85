"""Recipes refuse what they do not know, and come back from their JSON."""

from __future__ import annotations

import json

import pytest

from napari_atomai.data.recipe import Calibration, FindAtoms, InputRecord, Record, RefineAtoms
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


def test_how_an_image_was_calibrated_comes_back_from_the_json() -> None:
    how = Calibration(
        method="lattice",
        pixel_size_nm=(0.02, 0.03),
        before_nm=(0.04, 0.06),
        known_nm=0.3905,
        measured_px=13.016666666666667,
        relative_sd=0.0004,
        time="2026-01-02T03:04:05+00:00",
    )
    record = Record(input=InputRecord(pixel_size_nm=(0.02, 0.03), calibration=how))
    assert Record.from_json(record.to_json()) == record


def test_a_recipe_of_version_1_still_reads_and_is_written_as_one_of_today() -> None:
    old = """{"schema_version": 1, "created": "2026-01-02T03:04:05+00:00",
        "input": {"path": "/data/a.dm4", "dataset": 1, "sha256": "ab", "shape": [3, 4], "dtype": "uint16",
                  "pixel_size_nm": [0.1, 0.2]},
        "steps": [{"step": "find_atoms", "model": "atoms", "threshold": 0.3, "spacing": 0.0,
                   "contrast": "dark"},
                  {"step": "refine_atoms", "method": "none", "radius": 0.0}],
        "model": {"name": "atoms", "sha256": "cd"}, "measured": {"spacing_px": 12.1},
        "versions": {"python": "3.11"}, "notes": ["a note"]}"""
    record = Record.from_json(old)
    assert record.input.calibration is None
    assert record.input.pixel_size_nm == (0.1, 0.2)
    assert record.steps == (FindAtoms(threshold=0.3, contrast="dark"), RefineAtoms(method="none"))
    assert json.loads(record.to_json())["schema_version"] == 2
    assert Record.from_json(record.to_json()) == record


@pytest.mark.parametrize(
    "change",
    [
        {"method": "guess"},
        {"known_nm": float("nan")},
        {"pixel_size_nm": [0.1]},
        {"pixel_size_nm": "0.1"},
        {"x": 1},
    ],
)
def test_a_calibration_that_is_none_is_refused_with_the_entry(change: dict[str, object]) -> None:
    how = Calibration(method="typed", pixel_size_nm=(0.1, 0.1)).model_dump() | change
    raw = Record(steps=(FindAtoms(),)).model_dump() | {"input": {"calibration": how}}
    with pytest.raises(BadOption, match=r"input\.calibration"):
        Record.from_json(json.dumps(raw))


@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_what_is_not_a_record_is_refused(text: str) -> None:
    with pytest.raises(BadOption, match="recipe"):
        Record.from_json(text)
