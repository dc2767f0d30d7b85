"""What a result looks like in the two canvases of the Latent panel, and which atoms are marked in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_atomai.plugin.panels.latent_layout import (
    MANIFOLD,
    MEANS,
    NONE,
    SCATTER,
    TIME,
    TRAINING,
    LatentForm,
)
from napari_atomai.plugin.panels.latent_places import of_state, paths_of, places_on

if TYPE_CHECKING:
    from napari_atomai.workflow.latent import Latents

Rows = NDArray[np.int64]


class LatentView:
    """Draws what is chosen in a form.

    Parameters
    ----------
    form : LatentForm
        Whose canvases are drawn on.
    """

    def __init__(self, form: LatentForm) -> None:
        self.form = form

    def picture(self, found: Latents | None, rows: Rows) -> bool:
        """Draw the manifold with the atoms of some rows marked; False if patches are to be seen."""
        if found is None or self.form.picture_view.currentText() != MANIFOLD:
            return False
        self.form.picture.show_manifold(found.manifolds[self.form.state.value() - 1])
        self._mark_picture(found, rows)
        return True

    def plot(self, found: Latents | None, rows: Rows) -> None:
        """Draw the plot that is chosen."""
        plot, view = self.form.plot, self.form.view.currentText()
        if found is None:
            plot.clear()
        elif view == SCATTER:
            self._scatter(found)
            self._mark_plot(found, rows)
        elif view == TRAINING:
            plot.show_curves(found.history)
        elif view == MEANS:
            self._means(found)
        elif view == TIME:
            self._time(found, rows)

    def mark(self, found: Latents, rows: Rows) -> None:
        """Mark the atoms of some rows in both."""
        self._mark_picture(found, rows)
        self._mark_plot(found, rows)

    def _mark_picture(self, found: Latents, rows: Rows) -> None:
        state = self.form.state.value()
        chosen = rows[of_state(found, state)[rows]] if len(found.manifolds) > 1 else rows
        self.form.picture.mark(places_on(found, state)[chosen])

    def _mark_plot(self, found: Latents, rows: Rows) -> None:
        if self.form.view.currentText() == SCATTER:
            self.form.plot.mark(rows, found.mean_patch(rows) if len(rows) else None)
        elif self.form.view.currentText() == TIME:
            self._time(found, rows)

    def _scatter(self, found: Latents) -> None:
        from napari_atomai.plots.latent import colours_of
        from napari_atomai.stat.latent import density
        from napari_atomai.workflow.latent_results import kind_of

        columns, colour = found.columns(), self.form.colour.currentText()
        names = self.form.x.currentText(), self.form.y.currentText()
        points = np.column_stack([columns[name] for name in names])
        values = density(points) if colour == NONE else columns[colour]
        self.form.plot.show_scatter(points, colours_of(values, kind_of(colour))[0], names)

    def _means(self, found: Latents) -> None:
        if found.clusters is None:
            self.form.plot.clear("There are no clusters: choose how, and press Cluster.")
            return
        labels = found.clusters.labels
        numbers = range(1, found.clusters.number + 1)
        titles = [f"{number}: {(labels == number).sum():,}" for number in numbers]
        self.form.plot.show_means([found.mean_patch(labels == number) for number in numbers], titles)

    def _time(self, found: Latents, rows: Rows) -> None:
        name = self.form.colour.currentText()
        if not len(rows) or found.tracks is None or name == NONE:
            self.form.plot.clear("Select atoms to see what they are coloured by over time.")
            return
        time, paths, unit = paths_of(found, rows, name)
        self.form.plot.show_paths(time, paths, name, unit)
