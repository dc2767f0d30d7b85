"""Every real file: what we make of it against what RosettaSciIO itself reports."""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from napari_atomai.data.spectrum import Spectrum
from napari_atomai.errors import BadImage, MissingExtra
from napari_atomai.files.endings import FORMATS
from napari_atomai.files.guard import Limits
from napari_atomai.files.reading import can_read, read, read_all

PLUGINS = {
    ".dm3": "digitalmicrograph",
    ".dm4": "digitalmicrograph",
    ".emd": "emd",
    ".ser": "tia",
    ".hspy": "hspy",
    ".hdf5": "hspy",
    ".mrc": "mrc",
    ".tif": "tiff",
    ".tiff": "tiff",
}
NM = {"nm": 1.0, "µm": 1e3}

# shape, names and units of the axes, size of a pixel (row, column) in nm
TABLE: dict[str, tuple[tuple[int, ...], str, str, tuple[float, float] | None]] = {
    "cl_nanoparticles.hspy": ((507, 15, 20), "Wavelength y x", "nm nm nm", (61.272, 61.272)),
    "eds_FePt_bare_core.hdf5": ((992, 42, 42), "E y x", "keV nm nm", (1, 1)),
    "eds_SiO2_spheres_HAADF.hspy": ((128, 128), "y x", "µm µm", (8.55245, 8.55245)),
    "eds_SiO2_spheres_SI.hspy": ((2048, 128, 128), "E y x", "keV µm µm", (8.55245, 8.55245)),
    "eels_LSMO_STO_linescan.hdf5": ((10, 512), "x E", "nm eV", None),
    "eels_LSMO_STO_linescan_lowloss.hdf5": ((10, 512), "x E", "nm eV", None),
    "eels_LSMO_linescan.hdf5": ((40, 586), "x E", "µm eV", None),
    "eels_STO-film_SI.dm3": ((1024, 49, 6), "E y x", "eV pixel pixel", None),
    "eels_STO-film_SI_HAADF.dm3": ((1568, 192), "y x", "pixel pixel", None),
    "eels_STO-film_SI_survey.dm3": ((512, 512), "y x", "pixel pixel", None),
    "haadf_particles_velox.emd": ((512, 512), "y x", "µm µm", (5.30241, 5.30241)),
    "mrc_HAADF_FEI-exthdr_16x16.mrc": ((16, 16), "y x", "nm nm", (5.67913, 5.67913)),
    "stem_Au_nanoparticle_velox.emd": ((2048, 2048), "y x", "nm nm", (0.00749840, 0.00749840)),
    "stem_BaTiO3_1.dm4": ((413, 469), "y x", "nm nm", (0.0296599, 0.0296599)),
    "stem_BaTiO3_2.dm4": ((465, 476), "y x", "nm nm", (0.0355919, 0.0355919)),
    "stem_LLTO_512.tif": ((512, 512), "y x", "pixel pixel", None),
    "stem_MXene_Ti3C2_9HF_1536.tif": ((1002, 1010), "y x", "pixel pixel", None),
    "stem_MoS2_Se-implanted.dm3": ((1024, 1024), "y x", "nm nm", (0.0126953125, 0.0126953125)),
    "stem_Pt-porphyrin_1.tif": ((512, 512), "y x", "pixel pixel", None),
    "stem_Pt-single-atoms_038.tif": ((512, 512), "y x", "nm nm", (0.0292969, 0.0292969)),
    "stem_Pt-single-atoms_051.tif": ((512, 512), "y x", "nm nm", (0.0292969, 0.0292969)),
    "stem_SrTiO3_TIA.ser": ((1024, 1024), "y x", "nm nm", (0.0100127, 0.0100127)),
    "stem_TMD_Re_alloy_lzw.tiff": ((687, 772), "y x", "pixel pixel", None),
    "stem_oxide_interface_rgb.tif": ((256, 256), "y x", "pixel pixel", None),
    "stem_perovskite_ABF_atomap.hdf5": ((400, 380), "y x", "pixel pixel", None),
    "stem_perovskite_ADF_atomap.hdf5": ((400, 380), "y x", "pixel pixel", None),
    "tem_graphene_flower_raw.tif": ((256, 256), "y x", "pixel pixel", None),
}


def reported(path: Path) -> dict[str, Any]:
    part: dict[str, Any] = importlib.import_module(f"rsciio.{PLUGINS[path.suffix]}").file_reader(str(path))[0]
    return part


def values(array: Any) -> np.ndarray[Any, Any]:
    """Pixels of an image, lazy ones computed without leaving threads behind."""
    computed = array.compute(scheduler="synchronous") if hasattr(array, "compute") else array
    return np.asarray(computed)


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # of the reader, asked on its own
def test_a_real_file_is_read_as_its_reader_reports_it(shared_data: Path, name: str) -> None:
    shape, names, units, pixel_size = TABLE[name]
    (image,) = read_all(shared_data / name)
    part = reported(shared_data / name)
    assert image.shape == shape
    assert " ".join(axis.name for axis in image.axes) == names
    assert " ".join(axis.unit for axis in image.axes) == units
    if isinstance(image, Spectrum):
        np.testing.assert_array_equal(image.values, part["data"])
        return
    assert image.pixel_size == (None if pixel_size is None else pytest.approx(pixel_size, rel=1e-5))
    assert any("No calibration" in note for note in image.notes) == (
        units == "pixel" or "pixel pixel" in units
    )

    data = part["data"]
    if data.dtype.names:
        grey = 0.2126 * data["R"] + 0.7152 * data["G"] + 0.0722 * data["B"]
        np.testing.assert_allclose(image.pixels, grey, atol=1e-3)
        return
    if data.shape != shape:
        data = np.moveaxis(data, -1, 0)
    assert image.pixels.dtype == data.dtype.newbyteorder("=")
    step = 128 if data.size > 10**7 else 1
    np.testing.assert_array_equal(values(image.pixels)[::step], data[::step])
    if pixel_size is not None:
        spatial = [axis for axis in part["axes"] if axis["name"] in ("y", "x", "height", "width")]
        assert image.pixel_size == pytest.approx([axis["scale"] * NM[axis["units"]] for axis in spatial])


def test_every_real_file_of_a_known_format_is_in_some_table(shared_data: Path) -> None:
    others = {
        "blo_diffraction_3x2.blo",
        "eds_SrTiO3_velox.emd",
        "eds_TEM_bruker.bcf",
        "edx_PTO-trilayer_maps.npz",
        "eels_EDS_velox_SI.zip",
        "stem_Si110_dumbbells.png",
        "tem_nanoparticles_0.png",
        "tem_nanoparticles_0_mask.png",
        "eels_STO.dm4",
        "pfm_PTO_nsid.h5",
        "stem_SrTiO3_NSID.hf5",
        "stem_Au_NP_atom_lattice_141pos.hdf5",
        "stem_Fe_grain-boundary.npy",
        "stem_MoS2_Vdoped_000.npy",
        "stem_MoS2_Vdoped_001.npy",
        "stem_graphene_Si_3frames.npy",
    }
    known = {path.name for path in shared_data.iterdir() if path.suffix in FORMATS}
    scanning_probe = {name for name in known if Path(name).suffix in (".sxm", ".3ds", ".ibw", ".gwy", ".asd")}
    assert known - scanning_probe == others | set(TABLE)
    assert all(can_read(shared_data / name) for name in known)


@pytest.mark.parametrize(
    "name",
    [
        "stem_Fe_grain-boundary.npy",
        "stem_MoS2_Vdoped_000.npy",
        "stem_MoS2_Vdoped_001.npy",
        "stem_graphene_Si_3frames.npy",
    ],
)
def test_numpy_arrays_come_as_they_are_and_uncalibrated(shared_data: Path, name: str) -> None:
    (image,) = read(shared_data / name)
    array = np.load(shared_data / name)
    np.testing.assert_array_equal(image.pixels, array)
    assert image.pixels.dtype == array.dtype
    assert [axis.name for axis in image.axes] == ["t", "y", "x"][-array.ndim :]
    assert image.pixel_size is None


def test_an_atomap_lattice_gives_its_images_and_not_its_tables(shared_data: Path) -> None:
    import h5py

    path = shared_data / "stem_Au_NP_atom_lattice_141pos.hdf5"
    images = read(path)
    assert [image.name.split(": ")[1] for image in images] == [
        "image_data0",
        "_sublattice/modified_image_data",
        "_sublattice/original_image_data",
    ]
    assert [image.source.dataset for image in images if image.source] == [0, 1, 2]
    with h5py.File(path) as file:
        np.testing.assert_array_equal(images[0].pixels, file["image_data0"][()])
    assert images[0].pixel_size is None


def test_hdf5_dimension_scales_calibrate_and_name_rows_and_columns(shared_data: Path) -> None:
    import h5py

    (rows_first,) = read(shared_data / "stem_SrTiO3_NSID.hf5")
    assert rows_first.shape == (470, 453)
    assert rows_first.pixel_size == pytest.approx((0.0145589, 0.0145589), rel=1e-5)
    path = shared_data / "pfm_PTO_nsid.h5"  # labelled x, y
    images = read(path)
    assert len(images) == 4
    with h5py.File(path) as file:
        stored = file["Measurement_000/Channel_0/Channel_0/Channel_0"][()]
    np.testing.assert_array_equal(images[0].pixels, stored.T)
    assert images[0].pixel_size == pytest.approx((19.6078, 19.6078), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "count"), [("eels_STO.dm4", "1 single spectrum"), ("eds_SrTiO3_velox.emd", "5 single spectra")]
)
def test_single_spectra_are_named_as_such(shared_data: Path, name: str, count: str) -> None:
    with pytest.raises(BadImage, match=count):
        read(shared_data / name)


def test_metadata_hold_the_files_own_tags_as_plain_values(shared_data: Path) -> None:
    (image,) = read(shared_data / "stem_BaTiO3_1.dm4")
    tags = image.metadata["original"]["ImageList"]["TagGroup0"]["ImageData"]
    assert tags["Dimensions"] == {"Data0": 469, "Data1": 413}
    assert image.source is not None
    assert image.source.path.samefile(shared_data / "stem_BaTiO3_1.dm4")
    assert image.source.reader == "rosettasciio digitalmicrograph"


def test_a_large_spectrum_image_is_read_piece_by_piece_and_small_ones_at_once(shared_data: Path) -> None:
    path = shared_data / "eds_FePt_bare_core.hdf5"
    (at_once,) = read(path)
    (lazy,) = read(path, limits=Limits(bytes_at_once=1 << 20))
    assert isinstance(at_once.pixels, np.ndarray)
    assert not isinstance(lazy.pixels, np.ndarray)
    assert lazy.axes == at_once.axes
    np.testing.assert_array_equal(values(lazy.pixels[500]), at_once.pixels[500])


def test_a_1024_pixel_image_opens_in_a_fraction_of_a_second(shared_data: Path) -> None:
    read(shared_data / "stem_MoS2_Se-implanted.dm3")  # the first call imports the reader
    start = time.process_time()
    read(shared_data / "stem_MoS2_Se-implanted.dm3")
    assert time.process_time() - start < 0.5


def test_the_door_is_cheap_to_import() -> None:
    code = (
        "import sys; from napari_atomai.files import reading; "
        "assert not {'rsciio', 'tifffile', 'h5py', 'dask', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "suffix",
    [".npy", ".tif", ".hspy", ".emd", ".mrc", ".ser", ".emi", ".png", ".npz", ".rpl", ".zspy", ".zip"],
)
def test_a_file_made_here_comes_back_with_rows_and_columns_in_place(
    tmp_path: Path, attacks: ModuleType, suffix: str
) -> None:
    attacks.MAKERS[suffix](tmp_path / f"made{suffix}")
    (image,) = read(tmp_path / f"made{suffix}")
    np.testing.assert_array_equal(image.pixels, attacks.picture())
    assert image.pixels.dtype == np.uint16
    bare = suffix in (".npy", ".png", ".npz")
    expected = None if bare else pytest.approx((attacks.PIXEL_NM, attacks.PIXEL_NM))
    assert image.pixel_size == expected
    assert image.name == {".npz": "made", ".zip": "made"}.get(suffix, "made")


@pytest.mark.parametrize("suffix", [".npy", ".mrc", ".tif", ".rpl", ".blo", ".hspy"])
def test_what_was_read_at_once_stays_when_its_file_is_cut(
    tmp_path: Path, attacks: ModuleType, suffix: str
) -> None:
    path = tmp_path / f"made{suffix}"
    attacks.MAKERS[suffix](path)
    (image,) = read(path)
    before = image.pixels.copy()
    for file in tmp_path.iterdir():
        file.write_bytes(b"")
    np.testing.assert_array_equal(image.pixels, before)


@pytest.mark.parametrize(
    ("suffix", "module", "package"), [(".png", "PIL", "pillow"), (".zspy", "imagecodecs", "imagecodecs")]
)
def test_a_package_that_is_not_installed_is_named_with_the_command(
    tmp_path: Path,
    attacks: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    module: str,
    package: str,
) -> None:
    attacks.MAKERS[suffix](tmp_path / f"a{suffix}")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=f"a{suffix} needs the package {package}.*pip install {package}"):
        read(tmp_path / f"a{suffix}")
