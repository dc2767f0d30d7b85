"""Figures of components."""

from __future__ import annotations

import numpy as np

from napari_atomai.plots.components import components_figure, maps_figure, scree_figure, spectra_figure


class Found:
    """What is drawn of a decomposition."""

    def __init__(self, method: str, components: np.ndarray) -> None:
        self.method, self.components = method, components
        self.loadings = np.arange(5.0 * len(components)).reshape(5, -1)
        self.explained = np.linspace(0.5, 0.1, len(components))


def test_signed_components_have_colours_even_about_zero_and_others_their_own_range() -> None:
    pictures = np.arange(24.0).reshape(2, 3, 4)
    signed = components_figure(Found("pca", pictures)).axes[0].images[0]
    assert signed.get_clim() == (-11, 11)
    plain = components_figure(Found("nmf", pictures)).axes[1].images[0]
    assert plain.get_clim() == (12, 23)


def test_many_components_go_on_in_another_row() -> None:
    figure = components_figure(Found("nmf", np.random.default_rng(0).random((8, 3, 3))))
    drawn = [axes for axes in figure.axes if axes.images]
    assert len(drawn) == 8
    figure.draw_without_rendering()
    tops = {round(axes.get_position().y1, 2) for axes in drawn}
    assert len(tops) == 2


def test_maps_keep_unknown_places_white_and_have_one_scale_bar() -> None:
    maps = np.random.default_rng(0).random((3, 8, 9))
    maps[1] = np.nan
    maps[0, :4] = np.nan
    figure = maps_figure(maps, (0.1, 0.2))
    drawn = [axes for axes in figure.axes if axes.images]
    assert np.ma.getmaskarray(drawn[0].images[0].get_array())[:4].all()
    assert [len(axes.artists) for axes in drawn] == [1, 0, 0]
    assert drawn[0].get_aspect() == 0.5


def test_a_spectrum_is_drawn_over_its_energy() -> None:
    energy = np.linspace(400, 500, 30)
    figure = spectra_figure(energy, Found("nmf", np.ones((2, 30))), np.ones((2, 4, 5)), unit="eV")
    line = figure.axes[0].lines[0]
    assert np.array_equal(line.get_xdata(), energy)
    assert figure.axes[0].get_xlabel() == "eV"


def test_the_line_of_the_scree_plot_stands_after_the_suggested_number() -> None:
    axes = scree_figure(np.geomspace(0.5, 1e-6, 80), 60).axes[0]
    assert len(axes.lines[0].get_xdata()) == 65
    assert axes.lines[1].get_xdata()[0] == 60.5
