"""The command line segments files with a model of one's own; one failure stops no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.cli import FAILED, FINE, USAGE, main  # noqa: E402
from napari_atomai.models import Segmentor  # noqa: E402


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Segmentor(nb_classes=3, net_options={"filters": [4, 8], "bottleneck": [1]})
    return made.save_model(tmp_path_factory.mktemp("model") / "mine")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.npy"
    np.save(path, np.random.default_rng(0).random((48, 40)))
    return path


def test_each_file_gets_its_folder(model: Path, image: Path, tmp_path: Path) -> None:
    line = ["segment", str(image), "--model", str(model), "--out", str(tmp_path / "out"), "-q"]
    assert main(line) == FINE
    made = {path.name for path in (tmp_path / "out" / "image").iterdir()}
    assert made == {"atoms.csv", "atoms.xyz", "classes.tif", "probability.tif", "overlay.png", "recipe.json"}
    assert main(line) == FINE


def test_a_file_that_cannot_be_read_stops_no_other(
    model: Path, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.dm4").write_bytes(b"no image")
    line = ["segment", str(tmp_path / "bad.dm4"), str(image), "--model", str(model)]
    assert main([*line, "--out", str(tmp_path / "out")]) == FAILED
    assert (tmp_path / "out" / "image" / "recipe.json").exists()
    assert "bad.dm4" in capsys.readouterr().err


def test_a_threshold_out_of_range_is_refused(model: Path, image: Path, tmp_path: Path) -> None:
    line = ["segment", str(image), "--model", str(model), "--out", str(tmp_path / "out")]
    assert main([*line, "--threshold", "2"]) == USAGE


def test_a_model_for_another_task_is_refused(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segment", str(image), "--model", "atoms", "--out", str(tmp_path / "out")]) == FAILED
    assert "find_atoms" in capsys.readouterr().err
