"""Units as instruments write them, brought to one spelling each; what is not known stays "pixel"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from napari_atomai.data.image import UNCALIBRATED

_LENGTH_WORDS: Mapping[str, tuple[str, ...]] = {
    "pm": ("picometer", "picometre"),
    "Å": ("angstrom", "ångström", "ångstrom", "ang"),
    "nm": ("nanometer", "nanometre"),
    "µm": ("micrometer", "micrometre", "micron"),
    "mm": ("millimeter", "millimetre"),
    "cm": ("centimeter", "centimetre"),
    "m": ("meter", "metre"),
}
# Symbols are compared as they stand ("M" is not metre, "MM" not millimetre), words without regard to case.
_LENGTH_SYMBOLS: Mapping[str, tuple[str, ...]] = {
    "pm": ("pm",),
    "Å": ("Å", "A", "AA", "Ang"),  # no axis of a microscope is in ampere
    "nm": ("nm",),
    "µm": ("µm", "um"),
    "mm": ("mm",),
    "cm": ("cm",),
    "m": ("m",),
}
_OTHER_SYMBOLS: Mapping[str, tuple[str, ...]] = {
    "s": ("s", "sec"),
    "ms": ("ms", "msec"),
    "µs": ("µs", "us"),
    "min": ("min",),
    "h": ("h",),
    "eV": ("eV",),
    "meV": ("meV",),
    "keV": ("keV",),
    "rad": ("rad",),
    "mrad": ("mrad",),
    "°": ("°", "deg"),
    "V": ("V",),
    "mV": ("mV",),
    "Hz": ("Hz",),
    "kHz": ("kHz",),
    "K": ("K",),
}
_OTHER_WORDS: Mapping[str, tuple[str, ...]] = {
    "s": ("second", "seconds"),
    "ms": ("millisecond", "milliseconds"),
    "µs": ("microsecond", "microseconds"),
    "min": ("minute", "minutes"),
    "h": ("hour", "hours"),
    "eV": ("electronvolt", "electronvolts"),
    "rad": ("radian", "radians"),
    "mrad": ("milliradian", "milliradians"),
    "°": ("degree", "degrees"),
    "counts": ("counts", "count"),
    "V": ("volt", "volts"),
    "Hz": ("hertz",),
    "K": ("kelvin",),
}

_PREFERRED: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "cm": ("mm", 10.0),
        "m": ("nm", 1e9),
        "1/pm": ("1/nm", 1e3),
        "1/Å": ("1/nm", 10.0),
        "1/µm": ("1/nm", 1e-3),
        "1/mm": ("1/nm", 1e-6),
        "1/m": ("1/nm", 1e-9),
    }
)


def _spellings() -> Iterator[tuple[str, str]]:
    for unit, symbols in (*_LENGTH_SYMBOLS.items(), *_OTHER_SYMBOLS.items()):
        yield from ((symbol, unit) for symbol in symbols)
    for unit, symbols in _LENGTH_SYMBOLS.items():
        for symbol in symbols:
            for pattern in ("1/{}", "{}^-1", "{}-1", "{}**-1", "{}^(-1)"):
                yield pattern.format(symbol), f"1/{unit}"


def _words() -> Iterator[tuple[str, str]]:
    for unit, words in _LENGTH_WORDS.items():
        for word in words:
            yield from ((word, unit), (f"{word}s", unit))
            yield from ((f"1/{word}", f"1/{unit}"), (f"1/{word}s", f"1/{unit}"))
    for unit, words in _OTHER_WORDS.items():
        yield from ((word, unit) for word in words)


_BY_SYMBOL: Mapping[str, str] = dict(_spellings())
_BY_WORD: Mapping[str, str] = dict(_words())


def normalise_unit(text: object) -> str:
    """Bring a unit to its one spelling; whatever is not known for certain becomes "pixel".

    Parameters
    ----------
    text : object
        What a file holds: str, bytes, None ...

    Returns
    -------
    str
        "pm", "Å", "nm", "µm", "mm", "cm", "m", their reciprocals ("1/nm" ...), "s", "ms", "eV", "keV",
        "mrad", "°", "counts" ... or "pixel". Every one of them is a unit for pint, and so for napari.

    Examples
    --------
    >>> normalise_unit("um"), normalise_unit("nm^-1"), normalise_unit("<undefined>")
    ('µm', '1/nm', 'pixel')
    """
    clean = _clean(text)
    return _BY_SYMBOL.get(clean) or _BY_WORD.get(clean.casefold()) or UNCALIBRATED


def preferred(text: object) -> tuple[str, float]:
    """Return the unit an axis is kept in, and the factor that brings its scale to it.

    Reciprocal lengths go to 1/nm (a scale bar in 1/Å reads "1/kÅ"), but wavenumbers stay in 1/cm;
    centimetres go to mm, metres (SI for the programs of scanning probes) to nm.
    """
    unit = normalise_unit(text)
    return _PREFERRED.get(unit, (unit, 1.0))


def split_quantity(text: str) -> tuple[str, str]:
    """Take "Height (nm)" or "Current [nA]" apart into quantity and unit."""
    found = re.fullmatch(r"\s*(.*?)\s*[(\[]([^()\[\]]*)[)\]]\s*", text, re.DOTALL)
    return (found[1], found[2].strip()) if found else (text.strip(), "")


def _clean(text: object) -> str:
    if isinstance(text, bytes):
        text = _decoded(text)
    if not isinstance(text, str) or len(text) > 40:
        return ""
    # ImageJ writes the six characters \u00B5; NFKC joins the two mu, the two Å and the superscripts.
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), text)
    text = unicodedata.normalize("NFKC", text).replace("μ", "µ").replace("−", "-")
    text = text.replace(r"\AA", "Å").replace(r"\mu", "µ")
    text = re.sub(r"\\(?:mathrm|text|rm)\b", "", text)
    return re.sub(r"[\s_$\\{}\x00]", "", text).strip("[]()")  # NCEM writes [n_m]


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:  # Gatan and TIFF tags
        return text.decode("latin-1")
