"""Which files are opened, by their endings; apart from the readers, whose libraries take a while to load."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        ".dm3": "Gatan DigitalMicrograph 3",
        ".dm4": "Gatan DigitalMicrograph 4",
        ".emd": "EMD (Velox, NCEM)",
        ".ser": "FEI TIA series",
        ".emi": "FEI TIA (tags of a series)",
        ".hspy": "HyperSpy",
        ".zspy": "HyperSpy (zarr)",
        ".hdf5": "HDF5 (HyperSpy, atomap, NSID, USID, plain)",
        ".h5": "HDF5 (NSID, USID, plain)",
        ".hf5": "HDF5 (NSID, USID)",
        ".mrc": "MRC",
        ".blo": "NanoMegas blockfile",
        ".bcf": "Bruker BCF",
        ".rpl": "Ripple header",
        ".tif": "TIFF",
        ".tiff": "TIFF",
        ".png": "PNG",
        ".jpg": "JPEG",
        ".jpeg": "JPEG",
        ".bmp": "BMP",
        ".npy": "NumPy array",
        ".npz": "NumPy archive",
        ".sxm": "Nanonis scan",
        ".3ds": "Nanonis grid spectroscopy",
        ".ibw": "Igor binary wave",
        ".gwy": "Gwyddion",
        ".asd": "high-speed AFM movie",
        ".zip": "ZIP archive",
    }
)
"""Ending of the file's name, small -> what to call the format."""
