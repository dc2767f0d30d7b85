"""How the scores of what was found are spread: what a threshold would cost."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

_BINS = [float(edge) for edge in np.linspace(0, 1, 41)]


def score_histogram(scores: ArrayLike, threshold: float, *, title: str = "") -> Figure:
    """Draw the histogram of all candidates' scores, those that count as atoms filled.

    Parameters
    ----------
    scores : array, shape (N,)
        Between 0 and 1, of all candidates, also those under the threshold.
    threshold : float
        From which score on a candidate counts as an atom.
    title : str
        Written above.

    Returns
    -------
    Figure
        With an Agg canvas; save it with `save_figure`. Counts are on a logarithmic axis.
    """
    given = np.asarray(scores, float).ravel()
    with mpl.rc_context(mpl.rcParamsDefault):
        figure = Figure(figsize=(4.0, 2.6), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.hist(given, _BINS, color="0.85", label="left out")
        axes.hist(given[given >= threshold], _BINS, color="#0072b2", label="atoms")
        axes.axvline(threshold, color="#d55e00", label=f"threshold {threshold:g}")
        axes.set_yscale("symlog", linthresh=1)
        axes.set(xlim=(0, 1), xlabel="score", ylabel="candidates", title=title)
        axes.legend(loc="upper left", fontsize=8)
    return figure
