"""Scanning-probe files made here, byte by byte, so that what they hold is known."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

Picture = np.ndarray[Any, Any]

SXM_SIZE = (3e-8, 2e-8)  # width, height in metres
SXM_CENTRE = (1e-7, -4e-8)


def picture(rows: int = 20, columns: int = 30) -> Picture:
    """Without symmetry, so that a turned or mirrored reading shows."""
    y, x = np.mgrid[:rows, :columns]
    return (100 * y + x + 7).astype(np.float32)


def sxm(
    path: Path,
    shown: Picture,
    *,
    direction: str = "down",
    channels: tuple[tuple[str, str, str], ...] = (("Z", "m", "both"), ("Current", "A", "both")),
    kind: str = "FLOAT            MSBFIRST",
    angle: float = 0.0,
    comment: bytes = b"",
) -> None:
    """A scan whose channels all show `shown`; it is stored in the order in which it would be scanned."""
    rows, columns = shown.shape
    table = "\n".join(
        f"\t{i}\t{name}\t{unit}\t{way}\t1.0\t0.0" for i, (name, unit, way) in enumerate(channels)
    )
    header = (
        f":NANONIS_VERSION:\n2\n:SCANIT_TYPE:\n              {kind}\n:REC_DATE:\n 07.01.2016\n"
        f":REC_TIME:\n12:54:04\n:SCAN_PIXELS:\n       {columns}       {rows}\n"
        f":SCAN_RANGE:\n   {SXM_SIZE[0]:E}   {SXM_SIZE[1]:E}\n"
        f":SCAN_OFFSET:\n   {SXM_CENTRE[0]:E}   {SXM_CENTRE[1]:E}\n"
        f":SCAN_ANGLE:\n   {angle:E}\n:SCAN_DIR:\n{direction}\n:BIAS:\n   -2.000E+0\n"
        ":Z-CONTROLLER:\n\tName\ton\tSetpoint\n\tlog Current\t1\t2.500E-10 A\n:COMMENT:\n"
    ).encode()
    header += comment + b"\n"
    header += f":DATA_INFO:\n\tChannel\tName\tUnit\tDirection\tCalibration\tOffset\n{table}\n".encode()
    header += b"\n:SCANIT_END:\n\n\n\x1a\x04"
    order = "<" if "LSBFIRST" in kind else ">"
    first = shown[::-1] if direction == "up" else shown
    content = b""
    for _, _, way in channels:
        for one in ("forward", "backward") if way == "both" else (way,):
            content += (first[:, ::-1] if one == "backward" else first).astype(f"{order}f4").tobytes()
    path.write_bytes(header + content)


GRID_SIZE = (3e-9, 2e-9)
GRID_CENTRE = (1e-8, 5e-8)


def grid(
    path: Path,
    cube: Picture,
    *,
    sweep: tuple[str, float, float] = ("Bias (V)", -1.0, 1.0),
    measured: int | None = None,
    kind: str = "Linear",
) -> None:
    """A grid whose first channel shows `cube` (y, x, E) and whose second is minus that.

    It is stored from the bottom row up, and ends where the measurement ended.
    """
    rows, columns, points = cube.shape
    header = (
        f'Grid dim="{columns} x {rows}"\r\n'
        f"Grid settings={GRID_CENTRE[0]:E};{GRID_CENTRE[1]:E};{GRID_SIZE[0]:E};{GRID_SIZE[1]:E};0.0E+0\r\n"
        f'Filetype={kind}\r\nSweep Signal="{sweep[0]}"\r\nFixed parameters="Sweep Start;Sweep End"\r\n'
        'Experiment parameters="X (m);Y (m);Z (m)"\r\n# Parameters (4 byte)=5\r\n'
        f"Experiment size (bytes)={points * 8}\r\nPoints={points}\r\n"
        'Channels="Current (A);Current [bwd] (A)"\r\nStart time="26.10.2021 10:48:37"\r\n'
        "Bias>Bias (V)=250E-3\r\n:HEADER_END:\r\n"
    )
    y, x = np.mgrid[:rows, :columns]
    places_y = GRID_CENTRE[1] + GRID_SIZE[1] * ((rows - 1 - y + 0.5) / rows - 0.5)
    places_x = GRID_CENTRE[0] + GRID_SIZE[0] * ((x + 0.5) / columns - 0.5)
    fixed = np.broadcast_to(sweep[1:], (rows, columns, 2))
    parameters = np.dstack([fixed, places_x, places_y, 1e-9 * (10 * y + x)])
    records = np.concatenate([parameters, cube, -cube], axis=2)[::-1]
    content = records.astype(">f4").tobytes()
    one = (5 + 2 * points) * 4
    path.write_bytes(header.encode() + content[: None if measured is None else measured * one])


def checked(header: bytes, order: str, at: int) -> bytes:
    """The header of a wave with the right checksum, which lies at `at`."""
    header = header[:at] + bytes(2) + header[at + 2 :]
    total = int(np.frombuffer(header, f"{order}u2").sum(dtype=np.int64))
    return header[:at] + struct.pack(f"{order}H", -total & 0xFFFF) + header[at + 2 :]


def ibw(
    path: Path,
    values: Picture,
    *,
    scale: tuple[float, ...] = (1e-9, 2e-9),
    first: tuple[float, ...] = (),
    units: tuple[str, ...] = ("m", "m"),
    value: str = "m",
    labels: tuple[int, tuple[str, ...]] | None = None,
    note: bytes = b"",
    order: str = "<",
) -> None:
    """A wave of version 5 whose dimensions are those of `values`, Igor's first dimension first.

    Behind the end of each label lies what was there before, as Igor leaves it.
    """
    kind = {"f4": 2, "f8": 4, "i2": 16, "u2": 80, "c8": 3}[values.dtype.str[1:]]
    four = [*values.shape, 0, 0, 0, 0][:4]
    numbers = [(*given, *([fill] * 4))[:4] for given, fill in ((scale, 1.0), (first, 0.0))]
    texts = [b""] * 4
    if labels is not None:
        dimension, names = labels
        fields = [name.encode("latin-1").ljust(32, b"\x00") for name in ("", *names)]
        texts[dimension] = b"".join(field[:-4] + b"ace\x00" for field in fields)
    body = np.asarray(values, order + values.dtype.str[1:]).tobytes(order="F")
    wave = struct.pack(f"{order}IIIihh6xh32siI", 0, 0, 0, values.size, kind, 0, 1, b"scan0001", 0, 0)
    wave += struct.pack(f"{order}4i4d4d4s", *four, *numbers[0], *numbers[1], value.encode())
    wave += b"".join(unit.encode().ljust(4, b"\x00") for unit in (*units, "", "", "", "")[:4])
    wave = wave.ljust(320, b"\x00")
    head = struct.pack(f"{order}hHiiii", 5, 0, 320 + len(body), 0, len(note), 0)
    head += struct.pack(f"{order}4i4i3i", 0, 0, 0, 0, *map(len, texts), 0, 0, 0)
    path.write_bytes(checked(head + wave, order, 2) + body + note + b"".join(texts))


def curve(
    path: Path, values: Picture, scale: tuple[float, float], units: tuple[str, str], note: bytes
) -> None:
    """A wave of version 2, one-dimensional; `units` of the values and of the axis."""
    body = values.astype("<f4").tobytes()
    wave = struct.pack("<hI20shhI", 2, 0, b"curve", 0, 0, 0)
    wave += struct.pack("<4s4sih2d", units[0].encode(), units[1].encode(), values.size, 0, *scale)
    wave = wave.ljust(110, b"\x00")
    head = struct.pack("<hiiiH", 2, 126 + len(body), len(note), 0, 0)
    path.write_bytes(checked(head + wave, "<", 14) + body + bytes(16) + note)


def gwy_value(name: str, value: Any) -> bytes:
    """One component of a Gwyddion object."""
    kinds = {bool: ("b", "<?"), int: ("i", "<i"), float: ("d", "<d")}
    if isinstance(value, tuple):
        return name.encode() + b"\x00o" + gwy_object(*value)
    if isinstance(value, np.ndarray):
        return name.encode() + b"\x00D" + struct.pack("<I", value.size) + value.astype("<f8").tobytes()
    if isinstance(value, str | bytes):
        return name.encode() + b"\x00s" + (value.encode() if isinstance(value, str) else value) + b"\x00"
    letter, form = kinds[type(value)]
    return name.encode() + b"\x00" + letter.encode() + struct.pack(form, value)


def gwy_object(name: str, values: dict[str, Any]) -> bytes:
    """A serialised object: its type, its length, its components."""
    body = b"".join(gwy_value(key, value) for key, value in values.items())
    return name.encode() + b"\x00" + struct.pack("<I", len(body)) + body


def gwy_field(shown: Picture, unit: str = "m", **more: Any) -> tuple[str, dict[str, Any]]:
    """A channel with pixels of 2 nm in height and 1 nm in width."""
    rows, columns = shown.shape
    values = {"xres": columns, "yres": rows, "xreal": columns * 1e-9, "yreal": rows * 2e-9, **more}
    units = {"si_unit_xy": "m", "si_unit_z": unit}
    values |= {key: ("GwySIUnit", {"unitstr": text}) for key, text in units.items()}
    return "GwyDataField", {**values, "data": shown.ravel().astype(float)}


def gwy(path: Path, values: dict[str, Any]) -> None:
    """A Gwyddion file with these values in its container."""
    path.write_bytes(b"GWYP" + gwy_object("GwyContainer", values))


def asd(
    path: Path,
    movies: dict[str, Picture],
    *,
    version: int = 1,
    ad_range: int = 0x20000,
    bits: int = 12,
    name: bytes = b"Someone",
) -> None:
    """Movies of levels (t, y, x) as they are shown; stored with the lowest line first."""
    kinds = {"TP": 0x5054, "ER": 0x5245, "PH": 0x4850}
    codes = [*(kinds[kind] for kind in movies), 0][:2]
    frames, rows, columns = next(iter(movies.values())).shape
    comment = b"caf\xe9"
    if version == 0:
        head = struct.pack("<iHH5i", 0, *codes, 0, 32, len(name), 6, len(comment))
        head += struct.pack("<4h3fIi", columns, rows, 50, 100, 500.0, 10.0, 2.0, ad_range, bits)
        head += struct.pack("<?ihh6B2f12x", True, 1, 0, 2017, 11, 21, 13, 12, 39, 0, 700.0, 700.0)
        head += struct.pack("<iiih", frames, frames, 2, 62) + name + struct.pack("<2fi", 50.0, 20.0, 1)
        head = head[:8] + struct.pack("<i", len(head)) + head[12:] + bytes(6) + comment
    else:
        size = 165 + len(name) + len(comment)
        head = struct.pack("<6i2I", version, size, 32, 1252, len(name), len(comment), *codes)
        head += struct.pack("<8i", frames, frames, 1, 62, columns, rows, 50, 100)
        head += struct.pack("<?i8i", True, 1, 2017, 11, 21, 13, 12, 39, 3, 2)
        head += struct.pack("<3fi12xiIi6f", 500, 50, 20, 0, 2, ad_range, bits, 700, 700, 7, 29, 10, 2)
        head += name + comment
    body = b""
    for movie in movies.values():
        for i, frame in enumerate(movie):
            body += struct.pack("<i4h2f?bhii", i, 0, 0, 0, 0, 0.0, 0.0, False, 0, 0, 0, 0)
            body += frame[::-1].astype("<i2").tobytes()
    path.write_bytes(head + body)
