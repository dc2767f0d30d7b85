"""The record of a result: hashes change with the pixels, and only with them."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import pytest

from napari_atomai.data.image import Image, Source
from napari_atomai.data.recipe import Calibration, FindAtoms, InputRecord, ModelRecord, Record, RefineAtoms
from napari_atomai.errors import CannotRead
from napari_atomai.workflow.record import (
    check_input,
    describe_input,
    file_sha256,
    new_record,
    now,
    versions,
)

pytestmark = pytest.mark.usefixtures("one_thread")

PIXELS = np.arange(2 * 12 * 10, dtype=np.uint16).reshape(2, 12, 10)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Keep dask from starting threads that outlive the test."""
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture
def from_file(tmp_path: Path) -> Image:
    path = tmp_path / "scan é.npy"
    np.save(path, PIXELS)
    return dataclasses.replace(Image.from_array(PIXELS, 0.02), source=Source(path, 1, "numpy"))


def test_a_file_is_hashed_by_its_bytes(from_file: Image) -> None:
    record = describe_input(from_file)
    path = from_file.source.path
    assert record.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record.path == str(path)
    assert record.dataset == 1
    assert record.shape == (2, 12, 10)
    assert record.dtype == "uint16"
    assert record.pixel_size_nm == (0.02, 0.02)
    assert record.calibration is None  # it came with the pixels


def test_a_pixel_size_that_was_given_is_recorded_as_given(from_file: Image) -> None:
    record = describe_input(from_file.calibrated((0.03, 0.04)))
    assert record.pixel_size_nm == (0.03, 0.04)
    assert record.calibration == Calibration(
        method="given", pixel_size_nm=(0.03, 0.04), before_nm=(0.02, 0.02)
    )


def test_how_an_image_was_calibrated_goes_into_the_record(from_file: Image) -> None:
    how = Calibration(method="line", pixel_size_nm=(0.03, 0.03), known_nm=3.0, measured_px=100.0)
    assert new_record(from_file.calibrated(0.03, how=how), (FindAtoms(),)).input.calibration == how


def test_the_hash_of_an_input_does_not_change_with_its_calibration(from_file: Image) -> None:
    assert describe_input(from_file.calibrated(0.5)).sha256 == describe_input(from_file).sha256


def test_a_file_longer_than_one_block_is_hashed_whole(tmp_path: Path) -> None:
    path = tmp_path / "long.bin"
    path.write_bytes(bytes(range(256)) * 12_000)  # 3 MB
    assert file_sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_rewritten_in_place_gets_another_hash(from_file: Image) -> None:
    before = describe_input(from_file).sha256
    np.save(from_file.source.path, PIXELS + 1)
    assert describe_input(from_file).sha256 != before


def test_pixels_without_a_file_are_hashed_with_shape_and_type() -> None:
    hashes = [
        describe_input(Image.from_array(array)).sha256
        for array in (
            PIXELS,
            PIXELS.reshape(2, 10, 12),
            PIXELS.astype(np.int16),
            PIXELS.astype(np.float64),
            PIXELS + np.eye(12, 10, dtype=np.uint16),
        )
    ]
    assert len(set(hashes)) == len(hashes)


def test_the_same_numbers_have_the_same_hash_in_any_layout() -> None:
    expected = describe_input(Image.from_array(PIXELS)).sha256
    for array in (
        PIXELS.astype(">u2"),
        np.asfortranarray(PIXELS),
        np.repeat(PIXELS, 2, axis=2)[:, :, ::2],
        da.from_array(PIXELS, chunks=(1, 5, 5)),
    ):
        assert describe_input(Image.from_array(array)).sha256 == expected


def test_calibration_does_not_change_the_hash_of_pixels() -> None:
    assert (
        describe_input(Image.from_array(PIXELS)).sha256
        == describe_input(Image.from_array(PIXELS, 0.5)).sha256
    )


def test_when_the_file_is_gone_the_pixels_are_hashed(from_file: Image) -> None:
    from_file.source.path.unlink()
    record = describe_input(from_file)
    assert record.sha256 == describe_input(Image.from_array(PIXELS)).sha256
    assert record.path == str(from_file.source.path)


def test_a_file_that_changed_after_it_was_opened_does_not_lend_its_hash(from_file: Image) -> None:
    path = from_file.source.path
    stamp = (path.stat().st_mtime_ns, path.stat().st_size)
    opened = dataclasses.replace(from_file, source=dataclasses.replace(from_file.source, stamp=stamp))
    assert describe_input(opened).sha256 == file_sha256(path)
    assert new_record(opened, (), notes=("a note",)).notes == ("a note",)
    np.save(path, np.concatenate([PIXELS, PIXELS]))
    record = new_record(opened, (), notes=("a note",))
    assert record.input.sha256 == describe_input(Image.from_array(PIXELS)).sha256
    assert record.notes[0] == "a note"
    assert record.notes[1].startswith("scan é.npy has changed since it was opened")


def test_an_edit_that_keeps_the_size_is_seen_by_its_time(from_file: Image) -> None:
    path = from_file.source.path
    stamp = (path.stat().st_mtime_ns, path.stat().st_size)
    opened = dataclasses.replace(from_file, source=dataclasses.replace(from_file.source, stamp=stamp))
    os.utime(path, ns=(stamp[0], stamp[0] + 1_000_000_000))
    assert describe_input(opened).sha256 == describe_input(Image.from_array(PIXELS)).sha256


def test_pixels_of_any_float_type_are_hashed() -> None:
    expected = describe_input(Image.from_array(PIXELS.astype(np.float64))).sha256
    assert describe_input(Image.from_array(PIXELS.astype(np.longdouble))).sha256 == expected
    halves = describe_input(Image.from_array(PIXELS.astype(np.float16))).sha256
    assert halves != expected


def test_a_folder_is_hashed_with_the_names_in_it(tmp_path: Path) -> None:
    (tmp_path / "z.zarr" / "0").mkdir(parents=True)
    (tmp_path / "z.zarr" / "0" / "a").write_bytes(b"one")
    first = file_sha256(tmp_path / "z.zarr")
    (tmp_path / "z.zarr" / "0" / "a").rename(tmp_path / "z.zarr" / "0" / "b")
    assert file_sha256(tmp_path / "z.zarr") != first


def test_a_missing_file_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CannotRead, match=r"gone\.tif cannot be read: No such file"):
        file_sha256(tmp_path / "gone.tif")


def test_a_lazy_movie_is_read_one_frame_at_a_time() -> None:
    read: list[tuple[int, ...]] = []

    def load(block: np.ndarray) -> np.ndarray:
        read.append(block.shape)
        return block

    lazy = da.from_array(PIXELS, chunks=(1, 12, 10)).map_blocks(load, dtype=PIXELS.dtype, meta=PIXELS[:0])
    describe_input(Image.from_array(lazy))
    assert read == [(1, 12, 10), (1, 12, 10)]


def test_a_record_holds_everything_and_survives_json(from_file: Image) -> None:
    steps = (FindAtoms(threshold=0.7), RefineAtoms(method="none"))
    model = ModelRecord(name="atoms", sha256="ab" * 32)
    record = new_record(from_file, steps, model, {"spacing_px": 13.25}, ("a note",))
    assert record.steps == steps
    assert record.model == model
    assert record.measured == {"spacing_px": 13.25}
    assert record.notes == ("a note",)
    assert record.input == describe_input(from_file)
    assert record.versions == versions()
    assert Record.from_json(record.to_json()) == record


def test_the_time_is_utc_and_reads_back() -> None:
    read_back = datetime.fromisoformat(now())
    assert read_back.utcoffset().total_seconds() == 0
    assert abs((datetime.now(UTC) - read_back).total_seconds()) < 5


def test_versions_are_those_installed_and_import_nothing() -> None:
    assert versions()["numpy"] == np.__version__
    assert versions()["python"] == ".".join(map(str, sys.version_info[:3]))
    code = (
        "import sys; from napari_atomai.workflow.record import versions; v = versions();"
        "assert 'onnxruntime' in v; print('onnxruntime' in sys.modules, 'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "False"]


def test_packages_that_are_not_installed_are_left_out() -> None:
    assert all(versions().values())
    assert "onnxruntime-gpu" not in versions() or "onnxruntime" not in versions()


class TestCheckInput:
    def test_the_same_file_elsewhere_raises_no_word(self, from_file: Image, tmp_path: Path) -> None:
        record = new_record(from_file, ())
        moved = tmp_path / "elsewhere.npy"
        from_file.source.path.rename(moved)
        same = dataclasses.replace(from_file, source=Source(moved, 1))
        assert check_input(record, same) == ()

    def test_another_content_is_named_with_both_hashes(self, from_file: Image) -> None:
        record = new_record(from_file, ())
        np.save(from_file.source.path, PIXELS + 1)
        (sentence,) = check_input(record, from_file)
        assert record.input.sha256[:12] in sentence
        assert describe_input(from_file).sha256[:12] in sentence
        assert "scan é.npy" in sentence

    def test_another_dataset_of_the_same_file_is_named(self, from_file: Image) -> None:
        record = new_record(from_file, ())
        other = dataclasses.replace(from_file, source=Source(from_file.source.path, 0))
        (sentence,) = check_input(record, other)
        assert "dataset 1" in sentence
        assert "dataset 0" in sentence

    def test_a_record_without_a_hash_says_nothing(self, from_file: Image) -> None:
        assert check_input(Record(input=InputRecord(path="x.tif")), from_file) == ()
