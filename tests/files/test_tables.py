from __future__ import annotations

import csv

import numpy as np
import pytest

from napari_atomai.errors import BadOption, SaveFailed
from napari_atomai.files.tables import table_text, write_table


def test_a_table_reads_back_to_the_same_numbers_and_words(tmp_path):
    values = np.array([0.1 + 0.2, 1e-12, np.nan])
    words = ["profile", 'says "so", twice', "Å"]
    write_table({"number": np.arange(3), "value": values, "what": words}, tmp_path / "t.csv")

    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["number", "value", "what"]
    assert [int(row[0]) for row in rows] == [0, 1, 2]
    assert [float(row[1]) for row in rows[:2]] == values[:2].tolist()
    assert rows[2][1] == ""
    assert [row[2] for row in rows] == words


def test_what_is_not_known_is_an_empty_cell():
    assert table_text({"a": [None, 1], "b": [float("nan"), 2.5]}) == "a,b\n,\n1,2.5\n"


def test_columns_of_different_length_are_refused_and_no_file_appears(tmp_path):
    with pytest.raises(BadOption, match=r"'a': 1, 'b': 2"):
        write_table({"a": [1], "b": [1, 2]}, tmp_path / "t.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SaveFailed, match="does not exist"):
        write_table({"a": [1]}, tmp_path / "none" / "t.csv")
