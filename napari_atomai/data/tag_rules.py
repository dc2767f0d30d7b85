"""Which tag of which program says what: the table behind `napari_atomai.data.understood`.

Of the rules with one name the first that gives a value counts. The readers' own mapped tree comes first;
then the tags of the instruments' programs, with the units that their makers (and RosettaSciIO, HyperSpy and
sidpy after them) give them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from napari_atomai.data.tag_readings import (
    Reading,
    angles_in_rad,
    at,
    day_and_hour,
    duration,
    positive_in,
    signed_in,
    since_1601,
    since_1970,
    wording,
    zeiss_in,
)

Tags = Mapping[str, Any]


class Rule(NamedTuple):
    """Where a fact stands, how it is read, and on what condition it may be believed."""

    name: str
    path: str
    reading: Reading
    when: Callable[[Tags], bool] | None = None


def paths_of(path: str) -> tuple[str, ...]:
    """Return where a tag may stand: sidpy and NSID keep some of them one or two branches deeper."""
    root, _, rest = path.partition("/")
    if root != "original":
        return (path, f"understood/sid/metadata/{rest}")
    own = (f"understood/sid/metadata/{rest}",) if rest.startswith("experiment/") else ()
    return (path, f"original/original_metadata/{rest}", *own)


_DM = "original/ImageList/TagGroup0/ImageTags"
_TEM = "understood/Acquisition_instrument/TEM"
_SEM = "understood/Acquisition_instrument/SEM"
_SPM = "understood/Acquisition_instrument/SPM"
_TIA = "original/ObjectInfo"
_FEI = "original/fei_metadata"


def _tag(metadata: Tags, path: str) -> Any:
    found = (at(metadata, one) for one in paths_of(path))
    return next((value for value in found if value is not None), None)


def _linked(metadata: Tags) -> bool:
    # Without a link to the microscope DigitalMicrograph writes what happened to be typed last: 100x.
    return wording(_tag(metadata, f"{_DM}/Microscope Info/Name")) is not None


def _diffraction(metadata: Tags) -> bool:
    info = _tag(metadata, f"{_DM}/Microscope Info")
    return (at(info, "Illumination Mode"), at(info, "Imaging Mode")) == ("TEM", "DIFFRACTION")


def _enlarged(metadata: Tags) -> bool:
    return _linked(metadata) and not _diffraction(metadata)


def _scanned(metadata: Tags) -> bool:
    return _linked(metadata) and at(_tag(metadata, f"{_DM}/Microscope Info"), "Illumination Mode") != "TEM"


def _whole_pixels(metadata: Tags) -> bool:
    # A picture taken along with a spectrum image may have many pixels for each of its points.
    return _tag(metadata, f"{_DM}/SI/Scale") in (None, 1)


def _no_camera(metadata: Tags) -> bool:
    return not _camera(metadata)


def _camera(metadata: Tags) -> bool:
    return bool(_tag(metadata, "original/DetectorMetadata/DetectorType") == "ImagingDetector")


def _asylum(metadata: Tags) -> bool:
    return wording(_tag(metadata, "original/MicroscopeModel")) is not None


RULES: tuple[Rule, ...] = (
    Rule("Acceleration voltage", f"{_TEM}/beam_energy", positive_in("kV")),
    Rule("Acceleration voltage", f"{_SEM}/beam_energy", positive_in("kV")),
    Rule("Acceleration voltage", f"{_SEM}/beam_acc_voltage_kv", positive_in("kV")),
    Rule("Acceleration voltage", f"{_DM}/Microscope Info/Voltage", positive_in("kV", 1e-3)),
    Rule("Acceleration voltage", "original/Optics/AccelerationVoltage", positive_in("kV", 1e-3)),
    Rule("Acceleration voltage", f"{_TIA}/ExperimentalDescription/High tension_kV", positive_in("kV")),
    Rule("Acceleration voltage", f"{_TIA}/ExperimentalDescription/High_tension_kV", positive_in("kV")),
    Rule("Acceleration voltage", f"{_FEI}/Beam/HV", positive_in("kV", 1e-3)),
    Rule("Acceleration voltage", "original/CZ_SEM/ap_actualkv", zeiss_in("kV")),
    Rule("Acceleration voltage", "original/experiment/acceleration_voltage", positive_in("kV", 1e-3)),
    Rule(
        "Acceleration voltage", "original/metadata/experiment/acceleration_voltage", positive_in("kV", 1e-3)
    ),
    Rule("Mode", f"{_TEM}/acquisition_mode", wording),
    Rule("Mode", f"{_SPM}/mode", wording),
    Rule("Mode", f"{_SPM}/experiment", wording),
    Rule("Mode", f"{_DM}/Microscope Info/Illumination Mode", wording),
    Rule("Mode", f"{_TIA}/ExperimentalDescription/Mode", wording),
    Rule("Mode", "original/ImagingMode", wording, _asylum),
    Rule("Microscope", f"{_TEM}/microscope", wording),
    Rule("Microscope", f"{_SEM}/microscope", wording),
    Rule("Microscope", f"{_SPM}/microscope", wording),
    Rule("Microscope", f"{_DM}/Session Info/Microscope", wording),
    Rule("Microscope", f"{_DM}/Microscope Info/Name", wording),
    Rule("Microscope", "original/Instrument/InstrumentModel", wording),
    Rule("Microscope", "original/Instrument/InstrumentClass", wording),
    Rule("Microscope", f"{_TIA}/ExperimentalDescription/Microscope", wording),
    Rule("Microscope", f"{_FEI}/System/SystemType", wording),
    Rule("Microscope", "original/MicroscopeModel", wording),
    Rule("Signal", f"{_DM}/Meta Data/Signal", wording),
    Rule("Signal", f"{_DM}/DataBar/Signal Name", wording),
    Rule("Signal", "understood/Signal/signal_type", wording),
    Rule("Signal", f"{_SPM}/channel", wording),
    Rule("Detector", "original/DetectorMetadata/DetectorName", wording),
    Rule("Detector", "original/BinaryResult/Detector", wording),
    Rule("Detector", f"{_DM}/Acquisition/Device/Name", wording),
    Rule("Detector", f"{_TIA}/AcquireInfo/CameraNamePath", wording),
    Rule("Detector", f"{_TEM}/Detector/Camera/Name", wording),
    Rule("Detector", f"{_FEI}/Detectors/Name", wording),
    Rule("Magnification", f"{_TEM}/magnification", positive_in("×")),
    Rule("Magnification", f"{_SEM}/magnification", positive_in("×")),
    Rule("Magnification", f"{_SEM}/real_magnification", positive_in("×")),
    Rule("Magnification", f"{_DM}/Microscope Info/Indicated Magnification", positive_in("×"), _enlarged),
    Rule("Magnification", "original/CustomProperties/StemMagnification/value", positive_in("×"), _no_camera),
    Rule("Magnification", "original/Optics/NominalMagnification", positive_in("×"), _camera),
    Rule("Magnification", f"{_TIA}/ExperimentalDescription/Magnification_x", positive_in("×")),
    Rule("Magnification", "original/fei_header/magnification", positive_in("×")),
    Rule("Camera length", f"{_TEM}/camera_length", positive_in("mm")),
    Rule("Camera length", f"{_DM}/Microscope Info/STEM Camera Length", positive_in("mm"), _scanned),
    Rule("Camera length", "original/Optics/CameraLength", positive_in("mm", 1e3), _no_camera),
    Rule("Camera length", f"{_TIA}/ExperimentalDescription/Camera length_m", positive_in("mm", 1e3)),
    Rule("Convergence semi-angle", f"{_TEM}/convergence_angle", positive_in("mrad")),
    Rule(
        "Convergence semi-angle",
        f"{_DM}/EELS/Experimental Conditions/Convergence semi-angle (mrad)",
        positive_in("mrad"),
    ),
    Rule("Convergence semi-angle", f"{_DM}/EELS/Convergence semi-angle (mrad)", positive_in("mrad")),
    Rule("Convergence angle", "original/Optics/BeamConvergence", positive_in("mrad", 1e3)),
    Rule("Collection semi-angle", f"{_TEM}/Detector/EELS/collection_angle", positive_in("mrad")),
    Rule(
        "Collection semi-angle",
        f"{_DM}/EELS/Experimental Conditions/Collection semi-angle (mrad)",
        positive_in("mrad"),
    ),
    Rule("Collection semi-angle", f"{_DM}/EELS/Collection semi-angle (mrad)", positive_in("mrad")),
    Rule("Collection angles", "original/DetectorMetadata/CollectionAngleRange", angles_in_rad),
    Rule("Dwell time", f"{_TEM}/dwell_time", duration()),
    Rule("Dwell time", f"{_TEM}/Detector/EELS/dwell_time", duration()),
    Rule("Dwell time", f"{_SEM}/dwell_time", duration()),
    Rule("Dwell time", f"{_SEM}/dwell_time_scan_s", duration()),
    Rule("Dwell time", f"{_DM}/DigiScan/Sample Time", duration(1e-6)),
    Rule("Dwell time", f"{_DM}/SI/Acquisition/Pixel time (s)", duration(), _whole_pixels),
    Rule("Dwell time", "original/Scan/DwellTime", duration(), _no_camera),
    Rule("Dwell time", f"{_FEI}/Scan/Dwelltime", duration()),
    Rule("Line time", "original/Scan/LineTime", duration(), _no_camera),
    Rule("Line time", f"{_SPM}/line_time_s", duration()),
    Rule("Frame time", f"{_SPM}/frame_time_s", duration()),
    Rule("Frame time", "original/Scan/FrameTime", duration(), _no_camera),
    Rule("Frame time", f"{_SPM}/acquisition_time_s", duration()),
    Rule("Exposure", f"{_TEM}/Detector/EELS/exposure", duration()),
    Rule("Exposure", f"{_TEM}/Camera/exposure", duration()),
    Rule("Exposure", f"{_TEM}/Detector/Camera/exposure", duration()),
    Rule("Exposure", "understood/Acquisition_instrument/CCD/exposure_time_s", duration()),
    Rule("Exposure", f"{_DM}/EELS/Acquisition/Exposure (s)", duration()),
    Rule("Exposure", f"{_DM}/Acquisition/Parameters/High Level/Exposure (s)", duration()),
    Rule("Exposure", f"{_DM}/Acquisition/Parameters/Detector/exposure (s)", duration()),
    Rule("Exposure", f"{_DM}/DataBar/Exposure Time (s)", duration()),
    Rule("Exposure", "original/DetectorMetadata/ExposureTime", duration(), _camera),
    Rule("Exposure", "original/fei_header/exp_time", duration()),
    Rule("Exposure", "original/experiment/exposure_time", duration()),
    Rule("Exposure", "original/metadata/experiment/exposure_time", duration()),
    Rule("Integration time", f"{_DM}/EELS/Acquisition/Integration time (s)", duration()),
    Rule("Frames summed", f"{_DM}/EELS/Acquisition/Number of frames", positive_in("")),
    Rule("Bias", f"{_SPM}/bias_V", signed_in("V")),
    Rule("Tip voltage", f"{_SPM}/tip_voltage_V", signed_in("V")),
    Rule("Setpoint", f"{_SPM}/setpoint", wording),
    Rule("Controller", f"{_SPM}/controller", wording),
    Rule("Scan angle", f"{_SPM}/scan_angle_deg", signed_in("°")),
    Rule("Scan angle", "original/ScanAngle", signed_in("°"), _asylum),
    Rule("Scan rate", f"{_SPM}/scan_rate_Hz", positive_in("Hz")),
    Rule("Scan rate", "original/ScanRate", positive_in("Hz"), _asylum),
    Rule("Drive frequency", f"{_SPM}/drive_frequency_Hz", positive_in("kHz", 1e-3)),
    Rule("Sweep signal", f"{_SPM}/sweep_signal", wording),
    Rule("Date and time", "original/Acquisition/AcquisitionStartDatetime/DateTime", since_1970),
    Rule("Date and time", f"{_DM}/DataBar/Acquisition Time (OS)", since_1601),
    Rule("Date and time", "understood/General", day_and_hour("date", "time")),
    Rule("Date and time", f"{_DM}/DataBar", day_and_hour("Acquisition Date", "Acquisition Time")),
    Rule("Date and time", f"{_DM}/SI/Acquisition", day_and_hour("Date", "Start time")),
    Rule("Date and time", f"{_DM}/EELS/Acquisition", day_and_hour("Date", "Start time")),
    Rule("Date and time", "original/ser_header_parameters/Time", since_1970),
    Rule("Date and time", f"{_FEI}/User", day_and_hour("Date", "Time")),
    Rule("Date and time", "original", day_and_hour("Date", "Time"), _asylum),
)
