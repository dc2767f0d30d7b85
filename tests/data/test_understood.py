from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from napari_atomai.data.image import Axis, Image
from napari_atomai.data.spectrum import Spectrum
from napari_atomai.data.tag_readings import at
from napari_atomai.data.tag_rules import RULES
from napari_atomai.data.understood import AXES, facts_of, understood
from napari_atomai.files.reading import read_all

DM = "original/ImageList/TagGroup0/ImageTags"


def texts(facts):
    return {fact.name: fact.text for fact in facts}


def dm(**groups):
    return {"original": {"ImageList": {"TagGroup0": {"ImageTags": groups}}}}


def facts_by_name(metadata):
    return {fact.name: fact for fact in facts_of(metadata)}


# --- real files: what a look at their tags says ---------------------------------------------------

KNOWN = {
    "haadf_particles_velox.emd": {
        "Acceleration voltage": "200 kV",
        "Microscope": "Talos",
        "Detector": "HAADF",
        "Magnification": "40,000×",
        "Camera length": "98 mm",
        "Dwell time": "20 µs",
        "Frame time": "6.042 s",
        "Field of view": "2.715 × 2.715 µm",
        "Pixel size": "5.302 nm",
        "Date and time": "2017-03-06 09:56:41 UTC",
    },
    "stem_Au_nanoparticle_velox.emd": {
        "Magnification": "5,100,000×",
        "Convergence angle": "17.9 mrad",
        "Collection angles": "41.23 – 247.5 mrad",
        "Dwell time": "2.5 µs",
        "Field of view": "15.36 × 15.36 nm",
    },
    "stem_MoS2_Se-implanted.dm3": {
        "Acceleration voltage": "60 kV",
        "Mode": "STEM",
        "Dwell time": "32.4 µs",
        "Field of view": "13 × 13 nm",
        "Pixel size": "0.0127 nm",
        "Date and time": "2016-07-03 17:20:54 UTC",
    },
    "eels_STO.dm4": {
        "Signal": "EELS",
        "Detector": "QUEFINA 1",
        "Convergence semi-angle": "30 mrad",
        "Collection semi-angle": "33 mrad",
        "Exposure": "2 s",
        "Integration time": "20 s",
        "Frames summed": "10",
        "Spectral step": "0.25 eV",
    },
    "eels_LSMO_linescan.hdf5": {
        "Acceleration voltage": "80 kV",
        "Convergence semi-angle": "27.42 mrad",
        "Collection semi-angle": "33.19 mrad",
        "Dwell time": "100 ms",
        "Pixel size": "3.219 nm",
        "Spectral range": "428.5 – 721 eV",
    },
    "eds_SiO2_spheres_HAADF.hspy": {
        "Microscope": "JEOL COM",
        "Magnification": "80,000×",
        "Camera length": "30 mm",
        "Dwell time": "50 ms",
    },
    "cl_nanoparticles.hspy": {"Acceleration voltage": "6.003 kV", "Exposure": "50 ms"},
    "eds_TEM_bruker.bcf": {"Acceleration voltage": "200 kV", "Magnification": "225,000×"},
    "blo_diffraction_3x2.blo": {"Acceleration voltage": "200 kV"},
    "stem_SrTiO3_TIA.ser": {"Pixel size": "0.01001 nm", "Date and time": "2011-10-19 01:18:46 UTC"},
    "stm_Si111-7x7_20nm.sxm": {
        "Bias": "-2 V",
        "Setpoint": "2.500E-10 A",
        "Scan angle": "0°",
        "Line time": "192 ms",
        "Frame time": "98.5 s",
        "Field of view": "20 × 20 nm",
        "Date and time": "2016-01-07 12:54:04",
    },
    "pfm_PTO110.gwy": {"Mode": "PFM Mode", "Microscope": "Cypher", "Scan angle": "345°"},
    "pfm_PTO_nsid.h5": {"Mode": "PFM Mode", "Scan rate": "3.005 Hz", "Date and time": "2017-05-29"},
    "movie_hsafm_32frames.asd": {"Frame time": "1 s", "Frame interval": "1 s", "Values": "height (nm)"},
}


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_understood_of_a_real_file_is_what_its_tags_say(shared_data, name):
    said = texts(understood(read_all(shared_data / name)[0]))
    assert {key: said.get(key) for key in KNOWN[name]} == KNOWN[name]


def test_what_a_microscope_that_was_not_linked_has_typed_in_is_not_believed(shared_data):
    said = texts(understood(read_all(shared_data / "stem_MoS2_Se-implanted.dm3")[0]))
    assert not {"Magnification", "Camera length", "Microscope"} & said.keys()  # "1000x", "Unknown"


def test_a_finer_picture_beside_a_spectrum_image_does_not_have_its_dwell_time(shared_data):
    finer = texts(understood(read_all(shared_data / "eels_STO-film_SI_HAADF.dm3")[0]))
    assert "Dwell time" not in finer  # 0.2 s a point, of 32 x 32 pixels each
    assert texts(understood(read_all(shared_data / "eels_STO-film_SI.dm3")[0]))["Dwell time"] == "200 ms"


def test_a_fact_names_a_tag_that_is_there_and_says_the_same(shared_data):
    for name in ("haadf_particles_velox.emd", "stem_MoS2_Se-implanted.dm3", "stm_moire_10nm.sxm"):
        dataset = read_all(shared_data / name)[0]
        found = [fact for fact in understood(dataset) if fact.found_at not in (AXES, "quantity")]
        assert len(found) >= 4
        assert all(at(dataset.metadata, fact.found_at) is not None for fact in found)


def test_nobody_is_named(shared_data):
    facts = understood(read_all(shared_data / "movie_hsafm_32frames.asd")[0])
    assert all("operator" not in fact.found_at and fact.value != "Anonymous" for fact in facts)
    assert not any("perator" in rule.path or "author" in rule.path for rule in RULES)


# --- made metadata --------------------------------------------------------------------------------


def test_the_readers_own_tree_comes_before_the_tags():
    metadata = dm(**{"Microscope Info": {"Voltage": 60000.0}})
    metadata["understood"] = {"Acquisition_instrument": {"TEM": {"beam_energy": 80.0}}}
    (fact,) = facts_of(metadata)
    assert (fact.value, fact.unit, fact.text) == (80.0, "kV", "80 kV")
    assert fact.found_at == "understood/Acquisition_instrument/TEM/beam_energy"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2e-6, "2 µs"), (9.99e-4, "999 µs"), (1e-3, "1 ms"), (0.25, "250 ms"), (1.0, "1 s"), (98.5, "98.5 s")],
)
def test_times_are_given_in_the_unit_that_fits(seconds, text):
    metadata = {"original": {"Scan": {"DwellTime": str(seconds)}}}
    assert texts(facts_of(metadata)) == {"Dwell time": text}


@pytest.mark.parametrize(
    "value", [0, -1, float("nan"), float("inf"), "", "auto", None, True, [], {}, b"200", 10**400]
)
def test_what_is_no_voltage_is_left_out(value):
    assert facts_of(dm(**{"Microscope Info": {"Voltage": value}})) == []


@pytest.mark.parametrize("value", [0, 1e300, float("nan"), "soon", -5, None])
def test_what_is_no_moment_is_left_out(value):
    path = {"original": {"Acquisition": {"AcquisitionStartDatetime": {"DateTime": value}}}}
    windows = dm(DataBar={"Acquisition Time (OS)": value})
    assert facts_of(path) == []
    assert facts_of(windows) == []


def test_a_date_whose_order_is_not_known_stays_as_it_was_written():
    metadata = dm(DataBar={"Acquisition Date": "09/08/2019", "Acquisition Time": "2:19:17 PM"})
    assert texts(facts_of(metadata)) == {"Date and time": "09/08/2019 2:19:17 PM"}


def test_a_clock_that_was_never_set_gives_no_date(shared_data):
    assert "Date and time" not in texts(understood(read_all(shared_data / "stm_moire_10nm.sxm")[0]))


def test_a_tem_in_diffraction_has_no_magnification():
    info = {"Name": "Titan", "Illumination Mode": "TEM", "Indicated Magnification": 5000.0}
    assert "Magnification" in texts(facts_of(dm(**{"Microscope Info": {**info, "Imaging Mode": "MAG1"}})))
    said = texts(facts_of(dm(**{"Microscope Info": {**info, "Imaging Mode": "DIFFRACTION"}})))
    assert "Magnification" not in said
    assert "Camera length" not in said


def test_what_only_a_scan_has_is_not_said_of_a_cameras_picture():
    scan = {
        "Scan": {"DwellTime": "2e-6"},
        "Optics": {"CameraLength": "0.1", "NominalMagnification": "50000"},
        "DetectorMetadata": {"DetectorType": "ScanningDetector", "ExposureTime": "0.5"},
    }
    camera = {**scan, "DetectorMetadata": {"DetectorType": "ImagingDetector", "ExposureTime": "0.5"}}
    assert texts(facts_of({"original": scan})) == {"Dwell time": "2 µs", "Camera length": "100 mm"}
    assert texts(facts_of({"original": camera})) == {"Exposure": "500 ms", "Magnification": "50,000×"}


def test_tags_that_nsid_took_over_from_another_file_are_understood():
    inner = dm(**{"Microscope Info": {"Voltage": 300000.0}})["original"]
    (fact,) = facts_of({"original": {"original_metadata": inner}})
    assert fact.text == "300 kV"
    assert at({"original": {"original_metadata": inner}}, fact.found_at) == 300000.0


def test_sem_tags_of_fei_and_zeiss_are_understood():
    fei = {
        "fei_metadata": {"Beam": {"HV": "15000"}, "Scan": {"Dwelltime": 3e-6}, "Detectors": {"Name": "TLD"}}
    }
    assert texts(facts_of({"original": fei})) == {
        "Acceleration voltage": "15 kV",
        "Detector": "TLD",
        "Dwell time": "3 µs",
    }
    zeiss = {"CZ_SEM": {"ap_actualkv": ("EHT", 5.0, "kV")}}
    assert texts(facts_of({"original": zeiss})) == {"Acceleration voltage": "5 kV"}
    assert facts_of({"original": {"CZ_SEM": {"ap_actualkv": ("EHT", 5000.0, "V")}}}) == []


def test_field_of_view_follows_from_shape_and_pixel_size():
    axes = (Axis("t", 0.5, unit="s"), Axis("y", 2.0, unit="Å"), Axis("x", 0.5, unit="nm"))
    facts = {fact.name: fact for fact in understood(Image(np.zeros((4, 100, 60)), axes))}
    assert facts["Field of view"].value == pytest.approx((20.0, 30.0))
    assert facts["Field of view"].text == "20 × 30 nm (height × width)"
    assert facts["Pixel size"].text == "0.2 × 0.5 nm (height × width)"
    assert facts["Frame interval"].text == "500 ms"
    assert facts["Field of view"].found_at == AXES


def test_an_uncalibrated_image_has_no_field_of_view():
    assert understood(Image.from_array(np.zeros((8, 9)))) == []


def test_a_diffraction_pattern_has_a_pixel_size_but_no_field_of_view():
    axes = (Axis("y", 0.1, unit="1/nm"), Axis("x", 0.1, unit="1/nm"))
    assert texts(understood(Image(np.zeros((8, 8)), axes))) == {"Pixel size": "0.1 1/nm"}


def test_a_spectrum_says_what_it_spans():
    spectrum = Spectrum(np.zeros(11), (Axis("E", 0.5, 100.0, "eV"),), quantity="counts")
    assert texts(understood(spectrum)) == {
        "Spectral range": "100 – 105 eV",
        "Spectral step": "0.5 eV",
        "Values": "counts",
    }


def test_odd_trees_are_no_trouble():
    odd = [None, 3, "x", [], {"ImageList": 4}, {"ImageList": {"TagGroup0": [1]}}]
    for tree in odd:
        assert facts_of({"original": tree, "understood": tree}) == []


def test_facts_come_in_one_order_whatever_the_order_of_the_tags(shared_data):
    dataset = read_all(shared_data / "haadf_particles_velox.emd")[0]
    turned = {key: dict(reversed(value.items())) for key, value in dataset.metadata.items()}
    names = [fact.name for fact in understood(dataset)]
    assert names == [fact.name for fact in understood(dataclasses.replace(dataset, metadata=turned))]
    assert names[0] == "Acceleration voltage"
