"""The plot of a line profile: values over distance, with what can be read from it."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_atomai.data.image import UNCALIBRATED
from napari_atomai.plugin.measurements import in_words
from napari_atomai.plugin.slots import worded
from napari_atomai.stat.profiles import Profile, fwhm, peaks, period

_COLOUR = "#56B4E9"


class ProfilePlot(QWidget):
    """Shows a profile; under the plot what the mouse points at, widths and spacings."""

    def __init__(self) -> None:
        super().__init__()
        from napari_atomai.plugin.plots import PlotCanvas  # brings matplotlib

        self.profile: Profile | None = None
        self._cursor: Any = None
        self.canvas = PlotCanvas()
        self.canvas.setMinimumHeight(170)
        # Not the size matplotlib would like: the panel has to fit beside others.
        self.canvas.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.readings = QLabel()
        self.readings.setWordWrap(True)
        self.readings.setToolTip(
            "FWHM: width of the highest peak at half its height above the lowest value. "
            "Peak to peak: mean distance of neighbouring maxima."
        )
        self.under_mouse = QLabel(" ")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas, stretch=1)
        layout.addWidget(self.under_mouse)
        layout.addWidget(self.readings)
        self.canvas.figure.canvas.mpl_connect("motion_notify_event", self._on_move)
        self.canvas.figure.canvas.mpl_connect("figure_leave_event", self._on_leave)
        self.clear()

    def say(self, sentence: str) -> None:
        """Show a sentence under the plot."""
        self.readings.setText(sentence)

    def clear(self) -> None:
        """Show no profile."""
        self.profile = self._cursor = None
        self.canvas.axes.clear()
        self.canvas.axes.set_axis_off()
        self.canvas.redraw()
        self.readings.setText("")
        self.under_mouse.setText(" ")

    def show_profile(self, profile: Profile, words: str, quantity: str) -> None:
        """Plot a profile; `words` are its readings, `quantity` what the values are, with their unit."""
        self.profile, self._cursor = profile, None
        axes, unit = self.canvas.axes, unit_of(profile)
        axes.clear()
        axes.set_axis_on()
        axes.plot(profile.distance, profile.values, color=_COLOUR, linewidth=1.2)
        axes.set_xlim(0, profile.length)
        axes.set_xlabel(f"distance ({unit})")
        axes.set_ylabel(quantity)
        self.canvas.redraw()
        self.readings.setText(words)

    @worded("reading the profile")
    def _on_move(self, event: Any) -> None:
        if self.profile is None or event.inaxes is not self.canvas.axes or event.xdata is None:
            self._on_leave()
            return
        profile = self.profile
        nearest = int(np.argmin(np.abs(profile.distance - event.xdata)))
        place, value = profile.distance[nearest], profile.values[nearest]
        self.under_mouse.setText(f"at {in_words(place)} {unit_of(profile)}: {value:.5g}")
        if self._cursor is None:
            self._cursor = self.canvas.axes.axvline(place, color="#888888", linewidth=0.8)
        self._cursor.set_xdata([place, place])
        self.canvas.redraw()

    def _on_leave(self, _event: Any = None) -> None:
        self.under_mouse.setText(" ")
        if self._cursor is not None:
            self._cursor.remove()
            self._cursor = None
            self.canvas.redraw()


def unit_of(profile: Profile) -> str:
    """Return the unit of a profile as it is written on the screen."""
    return "px" if profile.unit == UNCALIBRATED else profile.unit


def readings(profile: Profile) -> str:
    """Say in words how wide the highest peak is, and how far peaks are from each other."""
    unit, wide, apart = unit_of(profile), fwhm(profile), period(profile)
    parts = [f"length {in_words(profile.length)} {unit}"]
    if np.isfinite(wide):
        parts.append(f"FWHM {in_words(wide)} {unit}")
    if np.isfinite(apart):
        parts.append(f"peak to peak {in_words(apart)} {unit} ({len(peaks(profile))} peaks)")
    return " · ".join(parts)
