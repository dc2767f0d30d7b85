from __future__ import annotations

import json

import dask.array as da
import numpy as np
import pytest

from napari_atomai.errors import SaveFailed
from napari_atomai.files.tagfile import tags_text, write_tags


def strict(text):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_whatever_readers_leave_in_tags_becomes_valid_json():
    class Odd:
        def __str__(self):
            raise RuntimeError

    tags = {
        "nan": float("nan"),
        "numpy nan": np.float32("nan"),
        "infinite": -np.inf,
        "array": np.array([[1, 2], [3, 4]], np.uint8),
        "floats": np.array([0.5, np.nan]),
        "scalar": np.float64(2.5),
        "flag": np.bool_(True),
        "bytes": b"caf\xe9",
        "tuple": (1, "µm"),
        3: {"deep": None},
        "complex": 1 + 2j,
        "odd": Odd(),
        "record": np.zeros(2, [("a", "i4")]),
    }
    read = strict(tags_text(tags))
    assert read["nan"] is None
    assert read["numpy nan"] is None
    assert read["infinite"] == "-Infinity"
    assert read["array"] == [[1, 2], [3, 4]]
    assert read["floats"] == [0.5, None]
    assert read["scalar"] == 2.5
    assert read["flag"] is True
    assert read["tuple"] == [1, "µm"]
    assert read["3"] == {"deep": None}
    assert read["complex"] == "(1+2j)"
    assert read["odd"] == "<Odd>"
    assert read["record"].startswith("array of shape (2,)")


def test_huge_values_are_written_whole():
    tags = {"text": "x" * 300_000, "numbers": list(range(20_000)), "array": np.arange(30_000)}
    read = strict(tags_text(tags))
    assert read["text"] == tags["text"]
    assert read["numbers"] == tags["numbers"]
    assert read["array"] == list(range(30_000))


def test_lazy_arrays_are_not_computed():
    def fail(block):
        raise AssertionError("computed")

    lazy = da.zeros((4, 5), chunks=2).map_blocks(fail, dtype=float, meta=np.zeros((0, 0)))
    assert strict(tags_text({"lazy": lazy})) == {"lazy": "array of shape (4, 5), float64"}


def test_tags_nested_in_themselves_end():
    tags = {"a": 1}
    tags["self"] = tags
    read = strict(tags_text(tags))
    assert read["self"]["self"]["a"] == 1
    many = deep = {}
    for _ in range(5000):
        deep["in"] = deep = {}
    assert "nested too deeply" in tags_text(many)


def test_half_characters_do_not_keep_a_file_from_being_written(tmp_path):
    write_tags({"name": "a\ud800b"}, tmp_path / "tags.json")
    assert strict((tmp_path / "tags.json").read_text("utf-8")) == {"name": "a?b"}


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(SaveFailed, match=r"tags\.json"):
        write_tags({}, tmp_path / "nowhere" / "tags.json")
