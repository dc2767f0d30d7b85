"""Scanning-probe files: every pixel upright, in its place, with its unit; files made here and real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_atomai.data.image import Image
from napari_atomai.data.shaping import as_dataset
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import BadImage, CannotRead
from napari_atomai.files import spm
from napari_atomai.files.channels import quantity, value_unit
from napari_atomai.files.guard import Limits
from napari_atomai.files.reading import read_all
from tests.files import probes

SMALL = Limits(bytes_in_memory=1 << 20, bytes_at_once=100)
READERS = {
    ".sxm": spm.read_sxm,
    ".3ds": spm.read_3ds,
    ".ibw": spm.read_ibw,
    ".gwy": spm.read_gwy,
    ".asd": spm.read_asd,
}


def read(path: Path, limits: Limits | None = None) -> dict[str, Any]:
    """All datasets of a file by their titles."""
    parts = READERS[path.suffix](path, limits or Limits())
    titles = [part["metadata"]["General"]["title"] for part in parts]
    assert len(set(titles)) == len(titles)
    return {title: as_dataset(part, name=title) for title, part in zip(titles, parts, strict=True)}


def axes(item: Image | Spectrum) -> list[tuple[str, float, float, str]]:
    return [(a.name, round(a.scale, 9), round(a.offset, 9), a.unit) for a in item.axes]


# Nanonis scans


@pytest.mark.parametrize("direction", ["down", "up"])
def test_a_scan_stands_upright_whichever_way_it_was_scanned(tmp_path: Path, direction: str) -> None:
    shown = probes.picture()
    probes.sxm(tmp_path / "a.sxm", shown, direction=direction)
    found = read(tmp_path / "a.sxm")
    assert list(found) == ["Z forward", "Z backward", "Current forward", "Current backward"]
    for title, image in found.items():
        np.testing.assert_allclose(image.pixels, shown * np.float32(1e9), err_msg=title)
        assert image.pixels.dtype == np.float32
        assert image.pixels.dtype.isnative
        spm_tags = image.metadata["understood"]["Acquisition_instrument"]["SPM"]
        assert spm_tags["scan_direction"] == direction
        assert spm_tags["line_direction"] == title.split()[-1]
    assert (found["Z forward"].quantity, found["Z forward"].value_unit) == ("height", "nm")
    assert (found["Current forward"].quantity, found["Current forward"].value_unit) == ("current", "nA")


def test_a_scan_lies_where_it_lay_on_the_sample(tmp_path: Path) -> None:
    probes.sxm(tmp_path / "a.sxm", probes.picture(20, 30))
    image = read(tmp_path / "a.sxm")["Z forward"]
    # 30 nm × 20 nm around (100, -40) nm: rows count down from y = -30 nm, so -y begins at 30 nm.
    assert axes(image) == [("y", 1.0, 30.5, "nm"), ("x", 1.0, 85.5, "nm")]


def test_lines_that_were_not_scanned_are_nan_at_the_end_of_the_scan(tmp_path: Path) -> None:
    for direction, missing in (("down", slice(15, None)), ("up", slice(0, 5))):
        shown = probes.picture()
        shown[missing] = np.nan
        probes.sxm(tmp_path / "a.sxm", shown, direction=direction)
        for image in read(tmp_path / "a.sxm").values():
            assert np.isnan(image.pixels[missing]).all()
            assert np.isnan(image.pixels).sum() == 5 * 30


def test_a_scan_of_one_direction_has_one_picture(tmp_path: Path) -> None:
    shown = probes.picture()
    probes.sxm(tmp_path / "a.sxm", shown, channels=(("Z", "m", "backward"), ("LI_X", "V", "forward")))
    found = read(tmp_path / "a.sxm")
    assert list(found) == ["Z backward", "LI X forward"]
    np.testing.assert_array_equal(found["LI X forward"].pixels, shown)
    assert (found["LI X forward"].quantity, found["LI X forward"].value_unit) == ("li x", "V")


def test_a_scan_with_the_low_byte_first_reads_the_same(tmp_path: Path) -> None:
    probes.sxm(tmp_path / "a.sxm", probes.picture(), kind="FLOAT            LSBFIRST")
    np.testing.assert_allclose(
        read(tmp_path / "a.sxm")["Z forward"].pixels, probes.picture() * 1e9, rtol=1e-6
    )


def test_the_header_of_a_scan_is_kept_and_understood(tmp_path: Path) -> None:
    probes.sxm(tmp_path / "a.sxm", probes.picture(), angle=15, comment="5 µm, Spitze schön".encode("latin-1"))
    image = read(tmp_path / "a.sxm")["Z forward"]
    original, understood = image.metadata["original"], image.metadata["understood"]
    assert original["COMMENT"] == "5 µm, Spitze schön"
    assert original["Z-CONTROLLER"] == [{"Name": "log Current", "on": "1", "Setpoint": "2.500E-10 A"}]
    assert understood["General"]["date"] == "2016-01-07"
    known = understood["Acquisition_instrument"]["SPM"]
    assert (known["bias_V"], known["setpoint"], known["scan_angle_deg"]) == (-2.0, "2.500E-10 A", 15.0)
    assert any("turned by 15°" in note for note in image.notes)


# Nanonis grids


def cube() -> probes.Picture:
    y, x, e = np.mgrid[:4, :6, :5]
    return (100 * y + 10 * x + e).astype(np.float32)


def test_a_grid_gives_its_spectra_and_its_parameters(tmp_path: Path) -> None:
    probes.grid(tmp_path / "a.3ds", cube())
    found = read(tmp_path / "a.3ds")
    assert list(found) == [
        "Z (topography)",
        "Sweep Start (parameter)",
        "Sweep End (parameter)",
        "X (parameter)",
        "Y (parameter)",
        "Current forward",
        "Current backward",
    ]
    current = found["Current forward"]
    np.testing.assert_allclose(current.pixels, np.moveaxis(cube(), 2, 0) * np.float32(1e9))
    np.testing.assert_allclose(found["Current backward"].pixels, -current.pixels)
    assert axes(current) == [("Bias", 0.5, -1.0, "V"), ("y", 0.5, -50.75, "nm"), ("x", 0.5, 8.75, "nm")]
    assert (current.quantity, current.value_unit) == ("current", "nA")
    assert found["Z (topography)"].pixels.shape == (4, 6)
    np.testing.assert_allclose(found["Z (topography)"].pixels[2], 20 + np.arange(6), rtol=1e-6)
    assert found["Sweep End (parameter)"].value_unit == "V"
    assert found["Sweep End (parameter)"].pixels[0, 0] == 1.0


def test_the_place_of_every_pixel_of_a_grid_is_the_one_it_was_measured_at(tmp_path: Path) -> None:
    probes.grid(tmp_path / "a.3ds", cube())
    found = read(tmp_path / "a.3ds")
    rows, columns = found["X (parameter)"].axes
    x, y = found["X (parameter)"].pixels, found["Y (parameter)"].pixels
    np.testing.assert_allclose(x[1], columns.offset + columns.scale * np.arange(6), rtol=1e-6)
    np.testing.assert_allclose(-y[:, 1], rows.offset + rows.scale * np.arange(4), rtol=1e-6)


def test_a_grid_that_was_stopped_is_nan_where_nothing_was_measured(tmp_path: Path) -> None:
    probes.grid(tmp_path / "a.3ds", cube(), measured=9)  # the bottom row, and three of the next
    image = read(tmp_path / "a.3ds")["Current forward"]
    measured = np.isfinite(image.pixels[0])
    expected = np.zeros((4, 6), bool)
    expected[3], expected[2, :3] = True, True
    np.testing.assert_array_equal(measured, expected)
    np.testing.assert_allclose(image.pixels[:, 2, 1], cube()[2, 1] * np.float32(1e9))
    assert any("9 of 24 places were measured" in note for note in image.notes)


def test_a_grid_of_one_line_is_a_line_scan(tmp_path: Path) -> None:
    probes.grid(tmp_path / "a.3ds", cube()[:1], sweep=("Z (m)", 2e-10, -2e-10))
    found = read(tmp_path / "a.3ds")
    assert list(found) == ["Current forward", "Current backward"]
    line = found["Current forward"]
    assert isinstance(line, Spectrum)
    np.testing.assert_allclose(line.values, cube()[0] * np.float32(1e9))
    assert [(a.name, a.unit) for a in line.axes] == [("x", "nm"), ("Z sweep", "nm")]
    np.testing.assert_allclose(line.energy, [0.2, 0.1, 0.0, -0.1, -0.2], atol=1e-7)


def test_a_grid_of_one_place_is_a_spectrum(tmp_path: Path) -> None:
    probes.grid(tmp_path / "a.3ds", cube()[:1, :1])
    spectrum = read(tmp_path / "a.3ds")["Current forward"]
    assert isinstance(spectrum, Spectrum)
    assert axes(spectrum) == [("Bias", 0.5, -1.0, "V")]


def test_a_sweep_in_segments_is_numbered_and_says_so(tmp_path: Path) -> None:
    probes.grid(tmp_path / "a.3ds", cube(), kind="MLS")
    image = read(tmp_path / "a.3ds")["Current forward"]
    assert axes(image)[0] == ("Bias", 1.0, 0.0, "pixel")
    assert any("numbered" in note for note in image.notes)


# Igor


ASYLUM = b"ImagingMode: PFM Mode\rScanSize: 5e-06\rScanRate: 0.5\rTemp:21 \xb0C\rDate:2024-08-20\r"
LABELS = ("HeightRetrace", "Phase1Retrace", "UserIn0Trace")


@pytest.mark.parametrize("order", ["<", ">"])
def test_channels_of_a_wave_are_upright_and_have_their_names_and_units(tmp_path: Path, order: str) -> None:
    shown = [probes.picture() + 10_000 * i for i in range(3)]
    values = np.stack([one[::-1].T for one in shown], axis=-1)  # Igor: x, y upwards, channel
    probes.ibw(tmp_path / "a.ibw", values, labels=(2, LABELS), note=ASYLUM, order=order)
    found = read(tmp_path / "a.ibw")
    assert list(found) == list(LABELS)
    for i, (image, factor) in enumerate(zip(found.values(), (1e9, 1, 1), strict=True)):
        np.testing.assert_allclose(image.pixels, shown[i] * np.float32(factor))
        assert axes(image) == [("y", 2.0, 0.0, "nm"), ("x", 1.0, 0.0, "nm")]
    named = [(image.quantity, image.value_unit) for image in found.values()]
    assert named == [("height", "nm"), ("phase", "°"), ("userin0trace", "V")]
    tags = found["HeightRetrace"].metadata
    assert tags["original"]["note"]["Temp"] == "21 °C"
    assert tags["understood"]["Acquisition_instrument"]["SPM"]["mode"] == "PFM Mode"
    assert tags["understood"]["General"]["date"] == "2024-08-20"


def test_a_wave_with_a_position_lies_there_and_one_that_runs_backwards_is_turned(tmp_path: Path) -> None:
    shown = probes.picture(4, 5)
    probes.ibw(tmp_path / "a.ibw", shown[::-1].T, scale=(1e-9, 2e-9), first=(1e-8, 2e-8))
    image = read(tmp_path / "a.ibw")["scan0001"]
    np.testing.assert_allclose(image.pixels, shown * np.float32(1e9))
    assert axes(image) == [("y", 2.0, -26.0, "nm"), ("x", 1.0, 10.0, "nm")]
    probes.ibw(tmp_path / "a.ibw", shown[:, ::-1].T, scale=(-1e-9, -2e-9), first=(1.4e-8, 2.6e-8))
    turned = read(tmp_path / "a.ibw")["scan0001"]
    np.testing.assert_allclose(turned.pixels, image.pixels)
    assert axes(turned) == axes(image)


def test_a_wave_without_labels_is_a_movie_where_its_third_dimension_is_time(tmp_path: Path) -> None:
    shown = np.stack([probes.picture(), probes.picture() + 5000])
    values = shown[:, ::-1].transpose(2, 1, 0)
    units = ("m", "m", "s")
    probes.ibw(tmp_path / "a.ibw", values, scale=(1e-9, 2e-9, 0.5), units=units, value="V")
    movie = read(tmp_path / "a.ibw")["scan0001"]
    np.testing.assert_array_equal(movie.pixels, shown)
    assert axes(movie)[0] == ("t", 0.5, 0.0, "s")
    assert movie.value_unit == "V"


def test_a_curve_of_an_old_wave_is_a_spectrum(tmp_path: Path) -> None:
    values = np.arange(50, dtype=np.float32)
    probes.curve(tmp_path / "a.ibw", values, (0.01, -0.25), ("A", "V"), b"key: value\rjust text")
    found = read(tmp_path / "a.ibw")["curve"]
    assert isinstance(found, Spectrum)
    np.testing.assert_allclose(found.values, values * 1e9)
    assert axes(found) == [("Bias", 0.01, -0.25, "V")]
    assert found.metadata["original"]["note"] == {"key": "value", "line 1": "just text"}


def test_labelled_curves_are_spectra_of_their_own(tmp_path: Path) -> None:
    values = np.stack([np.arange(40.0), -np.arange(40.0)], axis=-1)
    labels = (1, ("Deflection", "ZSensor"))
    probes.ibw(tmp_path / "a.ibw", values, scale=(0.001,), units=("s",), labels=labels, note=ASYLUM)
    found = read(tmp_path / "a.ibw")
    assert list(found) == ["Deflection", "ZSensor"]
    assert all(isinstance(item, Spectrum) for item in found.values())
    np.testing.assert_allclose(found["ZSensor"].values, -np.arange(40.0) * 1e9)
    assert axes(found["ZSensor"]) == [("t", 0.001, 0.0, "s")]


def test_a_complex_wave_is_shown_as_amplitude_and_phase(tmp_path: Path) -> None:
    probes.ibw(tmp_path / "a.ibw", probes.picture().astype(np.complex64) * 1j)
    probes.ibw(tmp_path / "b.ibw", probes.picture().astype(np.float32))
    amplitude, phase = read_all(tmp_path / "a.ibw")
    (plain,) = read_all(tmp_path / "b.ibw")
    np.testing.assert_allclose(amplitude.pixels * 1e9, plain.pixels, rtol=1e-6)
    np.testing.assert_allclose(phase.pixels[amplitude.pixels > 0], np.pi / 2)


# Gwyddion


def test_channels_of_gwyddion_have_title_unit_place_and_tags(tmp_path: Path) -> None:
    shown = probes.picture()
    values = {
        "/10/data": probes.gwy_field(shown + 1, "deg"),
        "/10/data/title": b"Phase \xb0",
        "/2/data": probes.gwy_field(shown * 1e-9, xoff=5e-9, yoff=-7e-9),
        "/2/data/title": "Höhe height",
        "/2/meta": ("GwyContainer", {"ImagingMode": "AC Mode", "ScanRate": "0.5", "Note": "µ"}),
        "/2/mask": probes.gwy_field(shown, ""),
        "/0/graph/graph/1": ("GwyGraphModel", {"title": "profile"}),
    }
    probes.gwy(tmp_path / "a.gwy", values)
    found = read(tmp_path / "a.gwy")
    assert list(found) == ["Höhe height", "Phase °"]  # in the order of their numbers
    height = found["Höhe height"]
    np.testing.assert_allclose(height.pixels, shown)
    assert axes(height) == [("y", 2.0, -7.0, "nm"), ("x", 1.0, 5.0, "nm")]
    assert (height.quantity, height.value_unit) == ("height", "nm")
    assert height.metadata["original"]["meta"]["Note"] == "µ"
    assert height.metadata["understood"]["Acquisition_instrument"]["SPM"]["mode"] == "AC Mode"
    assert height.notes == (
        "Left out of the Gwyddion file: 1 mask.",
        "Left out of the Gwyddion file: 1 graph.",
    )
    assert (found["Phase °"].quantity, found["Phase °"].value_unit) == ("phase", "°")
    np.testing.assert_array_equal(found["Phase °"].pixels, shown + 1)


def test_a_volume_of_gwyddion_is_a_stack_along_its_third_axis(tmp_path: Path) -> None:
    stack = np.stack([probes.picture(), probes.picture() + 5000, probes.picture() - 1])
    levels, rows, columns = stack.shape
    brick: dict[str, Any] = {"xres": columns, "yres": rows, "zres": levels}
    brick |= {"xreal": columns * 1e-9, "yreal": rows * 2e-9, "zreal": 3.0, "zoff": -1.5}
    units = {"si_unit_x": "m", "si_unit_y": "m", "si_unit_z": "V", "si_unit_w": "A"}
    brick |= {key: ("GwySIUnit", {"unitstr": unit}) for key, unit in units.items()}
    probes.gwy(tmp_path / "a.gwy", {"/brick/0": ("GwyBrick", {**brick, "data": stack.ravel() * 1e-9})})
    volume = read(tmp_path / "a.gwy")["Volume 0"]
    np.testing.assert_allclose(volume.pixels, stack, rtol=1e-6)
    assert axes(volume) == [("Bias", 1.0, -1.5, "V"), ("y", 2.0, 0.0, "nm"), ("x", 1.0, 0.0, "nm")]
    assert volume.value_unit == "nA"


def test_a_gwyddion_file_without_a_channel_says_so(tmp_path: Path) -> None:
    probes.gwy(tmp_path / "a.gwy", {"/filename": "nothing"})
    with pytest.raises(BadImage, match="no channel and no volume"):
        read(tmp_path / "a.gwy")


# High-speed AFM


def levels() -> probes.Picture:
    return np.stack([probes.picture() % 1000 + 100 * i for i in range(3)]).astype(np.int16)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_movies_of_a_high_speed_afm_have_height_time_and_place(tmp_path: Path, version: int) -> None:
    movies = {"TP": levels(), "PH": levels() + 7}
    probes.asd(tmp_path / "a.asd", movies, version=version)
    found = read(tmp_path / "a.asd")
    assert list(found) == ["Topography", "Phase"]
    topography, phase = found["Topography"], found["Phase"]
    assert axes(topography)[:2] == [("t", 0.5, 0.0, "s"), ("y", 5.0, 0.0, "nm")]
    assert topography.axes[2].scale == pytest.approx(50 / 30)
    # ±2.5 V over 4096 levels, 2 × 10 nm per volt; level 0 is the highest place
    np.testing.assert_allclose(topography.pixels, (2.5 - 5 * levels() / 4096) * 20, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(phase.pixels, -(2.5 - 5 * (levels() + 7) / 4096) * 20, rtol=1e-5, atol=1e-4)
    assert [(item.quantity, item.value_unit) for item in found.values()] == [("height", "nm"), ("phase", "°")]
    general = topography.metadata["understood"]["General"]
    assert (general["date"], general["time"], general["comment"]) == ("2017-11-21", "13:12:39", "café")
    assert topography.metadata["original"]["operator_name"] == "Someone"


def test_the_range_of_the_converter_decides_the_scale(tmp_path: Path) -> None:
    spans = {}
    for code in (0x1, 0x2, 0x3, 0x4, 0x10000, 0x20000, 0x40000):
        probes.asd(tmp_path / "a.asd", {"TP": levels()}, ad_range=code)
        pixels = read(tmp_path / "a.asd")["Topography"].pixels
        # nm per level, times levels, over nm per volt
        spans[code] = -float(pixels[0, 0, 1] - pixels[0, 0, 0]) * 4096 / 20
    expected = {0x1: 1, 0x2: 2.5, 0x3: 9.99, 0x4: 5, 0x10000: 2, 0x20000: 5, 0x40000: 10}
    assert spans == pytest.approx(expected, rel=1e-3)


def test_levels_of_an_unknown_converter_stay_levels(tmp_path: Path) -> None:
    probes.asd(tmp_path / "a.asd", {"TP": levels()}, ad_range=0x77)
    movie = read(tmp_path / "a.asd")["Topography"]
    np.testing.assert_array_equal(movie.pixels, levels())
    assert movie.value_unit == ""
    assert any("levels as stored" in note for note in movie.notes)


# All of them


MAKERS: dict[str, Callable[[Path], None]] = {
    ".sxm": lambda path: probes.sxm(path, probes.picture(), direction="up"),
    ".3ds": lambda path: probes.grid(path, cube(), measured=15),
    ".ibw": lambda path: probes.ibw(path, probes.picture()),
    ".asd": lambda path: probes.asd(path, {"TP": levels(), "ER": levels()}),
}


@pytest.mark.parametrize("suffix", list(MAKERS))
def test_what_is_read_piece_by_piece_is_what_is_read_at_once(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    MAKERS[suffix](path)
    at_once, lazily = read(path), READERS[suffix](path, SMALL)
    for expected, part in zip(at_once.values(), lazily, strict=True):
        item = as_dataset(part)
        assert hasattr(item.pixels, "compute")
        assert item.pixels.dtype == expected.pixels.dtype
        found = item.pixels.compute(scheduler="synchronous")
        np.testing.assert_array_equal(found, expected.pixels)
        corner = item.pixels[..., 1:3, 2:5].compute(scheduler="synchronous")
        np.testing.assert_array_equal(corner, expected.pixels[..., 1:3, 2:5])
        assert item.axes == expected.axes


def test_channels_are_known_by_their_names() -> None:
    table = {
        "Z": "height",
        "[P1] Z": "height",
        "Scan:Z": "height",
        "HeightTrace": "height",
        "ZSensorRetrace": "height",
        "Z offset": "z offset",
        "Amplitude1Retrace": "amplitude",
        "OC D1 Phase": "phase",
        "Phase": "phase",
        "Amplitude Error": "error",
        "OC M1 Freq. Shift": "frequency",
        "Scan:Current": "current",
        "Bias": "bias",
        "LI X": "li x",
    }
    assert {name: quantity(name) for name in table} == table
    assert [value_unit(unit) for unit in ("m", "A", "deg", "V", " Hz ", "")] == [
        ("nm", 1e9),
        ("nA", 1e9),
        ("°", 1.0),
        ("V", 1.0),
        ("Hz", 1.0),
        ("", 1.0),
    ]


# Real files against independent readers


@pytest.mark.parametrize(
    ("name", "channels"),
    [("stm_Si111-7x7_20nm", 4), ("stm_moire_10nm", 4), ("stm_molecular_lattice_20nm", 14)],
)
def test_real_scans_agree_with_nanonispy(shared_data: Path, name: str, channels: int) -> None:
    peer = pytest.importorskip("nanonispy2")
    path = shared_data / f"{name}.sxm"
    scan, found = peer.read.Scan(str(path)), read(path)
    assert len(found) == channels
    for title, image in found.items():
        channel, way = title.rsplit(" ", 1)
        raw = scan.signals[channel.replace(" ", "_")][way]
        upright = np.flipud(raw) if scan.header["scan_dir"] == "up" else raw
        expected = np.fliplr(upright) if way == "backward" else upright
        factor = 1e9 if image.value_unit in ("nm", "nA") else 1
        np.testing.assert_allclose(image.pixels, expected * factor, rtol=1e-6)
        width, height = scan.header["scan_range"] * 1e9
        rows, columns = raw.shape
        assert image.pixel_size == pytest.approx((height / rows, width / columns))


def test_forward_and_backward_of_a_real_scan_show_the_same_place(shared_data: Path) -> None:
    for name in ("stm_Si111-7x7_20nm", "stm_moire_10nm", "stm_molecular_lattice_20nm"):
        found = read(shared_data / f"{name}.sxm")
        forward, backward = (
            item.pixels - np.median(item.pixels, axis=1, keepdims=True)
            for item in (found["Z forward"], found["Z backward"])
        )
        alike = np.corrcoef(forward.ravel(), backward.ravel())[0, 1]
        mirrored = np.corrcoef(forward.ravel(), backward[:, ::-1].ravel())[0, 1]
        assert alike > 0.3 > 0.1 > mirrored, name


def test_facts_of_the_real_scans(shared_data: Path) -> None:
    # nanonispy2 1.2: the first number stored is -5.0364590720164415e-08 m, and the scan runs up
    image = read(shared_data / "stm_molecular_lattice_20nm.sxm")["Z forward"]
    assert image.pixels[-1, 0] == pytest.approx(-50.364590720164415, rel=1e-6)
    assert axes(image)[1][1:] == (0.078125, -198.7444375, "nm")
    image = read(shared_data / "stm_Si111-7x7_20nm.sxm")["Current backward"]
    assert image.pixels[0, -1] == pytest.approx(0.26899124594415014, rel=1e-6)
    assert image.metadata["understood"]["Acquisition_instrument"]["SPM"]["bias_V"] == -2.0


def test_the_real_grid_agrees_with_nanonispy(shared_data: Path) -> None:
    peer = pytest.importorskip("nanonispy2")
    path = shared_data / "sts_grid_nanonis.3ds"
    grid, found = peer.read.Grid(str(path)), read(path)
    assert len(found) == 20 + 16
    for name, title in (("Current (A)", "Current forward"), ("Z [bwd] (m)", "Z backward")):
        expected = grid.signals[name][::-1].astype(float) * 1e9  # it keeps the order of the file
        pixels = np.moveaxis(found[title].pixels, 0, -1)
        measured = np.isfinite(found["Z (topography)"].pixels)
        assert measured.sum() == 88  # the peer fills the places that were never measured
        np.testing.assert_allclose(pixels[measured], expected[measured], rtol=1e-6)
    topography = grid.signals["params"][::-1, :, 4].astype(float) * 1e9
    np.testing.assert_allclose(found["Z (topography)"].pixels[measured], topography[measured], rtol=1e-6)
    sweep = found["Current forward"].axes[0]
    ends = sweep.offset + sweep.scale * np.array([0, 255])
    np.testing.assert_allclose(ends, grid.signals["sweep_signal"][[0, -1]] * 1e9, rtol=1e-6)


def test_facts_of_the_real_grid(shared_data: Path) -> None:
    found = read(shared_data / "sts_grid_nanonis.3ds")
    current = found["Current forward"]
    assert current.shape == (256, 32, 32)
    assert (current.axes[0].name, current.axes[0].unit) == ("Z sweep", "nm")
    assert current.pixels[0, 31, 0] == pytest.approx(-2.0229371088952182e-05, rel=1e-6)
    rows, columns = current.axes[1:]
    assert found["X (parameter)"].pixels[31, 3] == pytest.approx(columns.offset + 3 * columns.scale, rel=1e-6)
    assert -found["Y (parameter)"].pixels[29, 3] == pytest.approx(rows.offset + 29 * rows.scale, rel=1e-6)
    assert any("88 of 1024 places" in note for note in current.notes)


def test_the_real_wave_agrees_with_igor2(shared_data: Path) -> None:
    peer = pytest.importorskip("igor2.binarywave")
    path = shared_data / "pfm_domains_asylum.ibw"
    wave, found = peer.load(str(path))["wave"], read(path)
    for i, image in enumerate(found.values()):
        factor = 1e9 if image.value_unit == "nm" else 1
        np.testing.assert_allclose(image.pixels, wave["wData"][:, :, i].T[::-1] * factor, rtol=1e-6)
    assert image.pixel_size == pytest.approx(tuple(wave["wave_header"]["sfA"][[1, 0]] * 1e9))
    assert wave["note"].decode("latin-1").startswith("ScanSize: 5e-06")
    assert found["HeightRetrace"].metadata["original"]["note"]["ScanSize"] == "5e-06"


def test_facts_of_the_real_wave(shared_data: Path) -> None:
    found = read(shared_data / "pfm_domains_asylum.ibw")
    assert [(title, image.value_unit) for title, image in found.items()] == [
        ("HeightRetrace", "nm"),
        ("Amplitude1Retrace", "nm"),
        ("Amplitude2Retrace", "nm"),
        ("Phase1Retrace", "°"),
        ("Phase2Retrace", "°"),
        ("FrequencyRetrace", "Hz"),
    ]
    height, phase = found["HeightRetrace"].pixels, found["Phase1Retrace"].pixels
    assert height[-1, 0] == pytest.approx(-13.563521861215122, rel=1e-6)
    assert height[0, 0] == pytest.approx(-34.33262918406399, rel=1e-6)
    assert phase[-1, -1] == pytest.approx(23.904834747314453, rel=1e-6)
    assert axes(found["HeightRetrace"]) == [("y", 19.607843137, 0.0, "nm"), ("x", 19.607843137, 0.0, "nm")]


def test_the_real_gwyddion_file_agrees_with_gwyfile(shared_data: Path) -> None:
    peer = pytest.importorskip("gwyfile")
    path = shared_data / "pfm_PTO110.gwy"
    tree, found = peer.load(str(path)), read(path)
    assert list(found) == [tree[f"/{i}/data/title"] for i in range(4)]
    for i, image in enumerate(found.values()):
        field = tree[f"/{i}/data"]
        factor = 1e9 if image.value_unit == "nm" else 1
        np.testing.assert_allclose(image.pixels, field.data * factor, rtol=1e-12)
        assert image.pixel_size == pytest.approx((field.yreal / 256 * 1e9, field.xreal / 256 * 1e9))
        assert image.metadata["original"]["meta"] == dict(tree[f"/{i}/meta"])


def test_facts_of_the_real_gwyddion_file(shared_data: Path) -> None:
    found = read(shared_data / "pfm_PTO110.gwy")
    assert [image.value_unit for image in found.values()] == ["nm", "nm", "nm", "°"]
    assert found["HeightRetrace"].pixels[-1, 0] == pytest.approx(-3.27759153151419, rel=1e-9)
    assert found["PhaseRetrace"].pixels[0, -1] == pytest.approx(-41.0362548828125, rel=1e-9)
    assert axes(found["PhaseRetrace"])[1] == ("x", 39.215686275, 0.0, "nm")


def test_facts_of_the_real_movie(shared_data: Path) -> None:
    # AFMReader 0.0.7: the heights below, 0.5 nm per pixel; it keeps the first scanned line on top, which
    # the viewers of the field (NanoLocz among them) show at the bottom.
    movie = read(shared_data / "movie_hsafm_32frames.asd")["Topography"]
    assert movie.shape == (32, 200, 200)
    assert axes(movie) == [("t", 1.0, 0.0, "s"), ("y", 0.5, 0.0, "nm"), ("x", 0.5, 0.0, "nm")]
    assert movie.pixels[0, -1, 0] == pytest.approx(-219.0338805786241, rel=1e-6)
    assert movie.pixels[0, 0, 0] == pytest.approx(-218.66862118910998, rel=1e-6)
    assert movie.pixels[31, -1, 199] == pytest.approx(-95.75883661761415, rel=1e-6)
    assert movie.pixels[10].mean(dtype=float) == pytest.approx(-219.6603719616045, rel=1e-6)


def test_a_file_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    for suffix, reader in READERS.items():
        path = tmp_path / f"strange{suffix}"
        path.write_bytes(b"\x05\x00" + b"something else entirely" * 100)
        with pytest.raises(CannotRead, match=rf"strange\{suffix}"):
            reader(path, Limits())
