"""Statistics of what lies around atoms, with the paper's words: `imlocal`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_atomai.data.arguments import whole_number
from napari_atomai.errors import BadOption
from napari_atomai.prepare.patches import extract_subimages
from napari_atomai.prepare.places import Coordinates
from napari_atomai.stat.components import Components, decompose, mixture_with_axes, shaped
from napari_atomai.stat.movies import paper
from napari_atomai.stat.rows import as_rows
from napari_atomai.stat.scree_plot import scree

Matrix = NDArray[Any]
Answer = tuple[Matrix, Matrix, Matrix]


class imlocal:
    """Patches around the atoms of one class, and their components.

    Every method leaves its whole result in `result` (`Components`), and, with ``plot_results=True``, a
    matplotlib figure in `figure`; nothing is printed and no window opens.

    Parameters
    ----------
    network_output : array, shape (n, y, x, c), (n, y, x) or (y, x)
        Output of a Segmentor, or the images themselves.
    coord_class_dict_all : mapping of frame to array, Atoms, or array
        ``{frame: (N, 3)}`` of row, column, class, as `Segmentor.predict` gives them.
    window_size : int or (int, int)
        Side of the patches in pixels. Patches that leave the image are left out.
    coord_class : int
        Class of the atoms to cut around.
    subpixel : bool
        Whether to interpolate, so that every atom lies exactly in the middle of its patch.

    Raises
    ------
    BadAtoms
        If there are no atoms of that class, or no patch fits.
    """

    def __init__(
        self,
        network_output: ArrayLike,
        coord_class_dict_all: Coordinates,
        window_size: int | tuple[int, int] | None = None,
        coord_class: int = 0,
        *,
        subpixel: bool = False,
    ) -> None:
        if window_size is None:
            raise BadOption(
                "imlocal was given no window_size.",
                why="The patches need a side.",
                remedy="Give pixels, for instance window_size=32: one or two distances between atoms.",
            )
        self.network_output = np.asarray(network_output)
        self.coord_all = coord_class_dict_all
        self.coord_class = int(coord_class)
        self.r = window_size
        self.imgstack, self.imgstack_com, self.imgstack_frames = extract_subimages(
            self.network_output, coord_class_dict_all, window_size, self.coord_class, subpixel=subpixel
        )
        self.result: Components | None = None
        self.figure: Any = None

    @property
    def com_frames(self) -> Matrix:
        """Row, column and frame of every patch, shape (N, 3)."""
        return np.column_stack([self.imgstack_com, self.imgstack_frames])

    def pca(self, n_components: int, random_state: int = 1, plot_results: bool = False) -> Answer:
        """Return principal components (K, h, w, c), loadings (N, K), and row, column, frame (N, 3)."""
        return self._decomposed("pca", n_components, random_state, plot_results)

    def ica(self, n_components: int, random_state: int = 1, plot_results: bool = False) -> Answer:
        """Return independent components (K, h, w, c), loadings (N, K), and row, column, frame (N, 3).

        The components are the patterns that loadings are multiplied by, so that loadings times components
        give back the patches (AtomAI returns the filters, whose product with a patch is its loading).
        """
        return self._decomposed("ica", n_components, random_state, plot_results)

    def nmf(
        self,
        n_components: int,
        random_state: int = 1,
        plot_results: bool = False,
        *,
        max_iterations: int = 1000,
        offset: float = 0.0,
    ) -> Answer:
        """Return non-negative components (K, h, w, c), loadings (N, K), and row, column, frame (N, 3).

        Raises
        ------
        BadImage
            If pixels are negative; `offset` is added to them.
        """
        return self._decomposed("nmf", n_components, random_state, plot_results, max_iterations, offset)

    def imblock_pca(self, n_components: int, random_state: int = 1, plot_results: bool = False) -> Answer:
        """Return components, loadings, and the row and column (N, 2) where each loading belongs."""
        return self._block(self.pca(n_components, random_state), plot_results)

    def imblock_ica(self, n_components: int, random_state: int = 1, plot_results: bool = False) -> Answer:
        """Return independent components, loadings, and row and column (N, 2)."""
        return self._block(self.ica(n_components, random_state), plot_results)

    def imblock_nmf(
        self,
        n_components: int,
        random_state: int = 1,
        plot_results: bool = False,
        *,
        max_iterations: int = 1000,
        offset: float = 0.0,
    ) -> Answer:
        """Return non-negative components, loadings, and row and column (N, 2)."""
        answer = self.nmf(n_components, random_state, max_iterations=max_iterations, offset=offset)
        return self._block(answer, plot_results)

    def gmm(
        self, n_components: int, covariance: str = "full", random_state: int = 1, plot_results: bool = False
    ) -> tuple[Matrix, list[Matrix], Matrix]:
        """Divide the patches into classes by a mixture of Gaussians.

        Fitted in the space of at most 20 principal components.

        Returns
        -------
        means : array, shape (K, h, w, c)
            Mean patch of each class.
        members : list of array, shape (N_k, h, w, c)
            The patches of each class.
        where : array, shape (N, 4)
            Row, column, class from 1 (the largest class first) and frame of every patch.
        """
        count = whole_number("The number of components", n_components)
        found = self._mixture([1] * count, random_state, covariance)
        self._draw(plot_results, maps=False)
        return found.components, self._members(found), self._classed(found)

    def pca_gmm(
        self,
        n_components_gmm: int,
        n_components_pca: int | list[int],
        plot_results: bool = False,
        covariance_type: str = "full",
        random_state: int = 1,
    ) -> tuple[Matrix, list[Matrix], list[Matrix], Matrix]:
        """Divide the patches into classes, and find the principal components of each class.

        Returns
        -------
        means : array, shape (K, h, w, c)
        components : list of array, shape (n_components_pca, h, w, c)
        loadings : list of array, shape (N_k, n_components_pca)
        where : array, shape (N, 4)
            Row, column, class from 1 and frame of every patch.
        """
        n_components_gmm = whole_number("The number of classes", n_components_gmm)
        counts = (
            [n_components_pca] * n_components_gmm if isinstance(n_components_pca, int) else n_components_pca
        )
        if len(counts) != n_components_gmm:
            raise BadOption(
                f"n_components_pca has {len(counts)} numbers for {n_components_gmm} classes.",
                remedy="Give one number, or one for each class.",
            )
        found = self._mixture(list(counts), random_state, covariance_type)
        self._draw(plot_results, maps=False)
        components = [each.components for each in found.within]
        return found.components, components, [each.loadings for each in found.within], self._classed(found)

    def pca_scree_plot(self, plot_results: bool = True) -> Matrix:
        """Return the share of the variance of each principal component, falling.

        `suggested_number` says how many of them stand above the noise.
        """
        shares, _ = scree(self.imgstack)
        if plot_results:
            from napari_atomai.plots.components import scree_figure

            self.figure = scree_figure(shares, self.suggested_number())
        return shares

    def pca_gmm_scree_plot(
        self,
        n_components_gmm: int,
        covariance_type: str = "full",
        random_state: int = 1,
        plot_results: bool = True,
    ) -> list[Matrix]:
        """Return the shares of the principal components within each class of a mixture."""
        found = self._mixture([1] * n_components_gmm, random_state, covariance_type)
        shares = [scree(members)[0] for members in self._members(found) if len(members)]
        if plot_results:
            from napari_atomai.plots.components import scree_figure

            self.figure = scree_figure(shares[0])
        return shares

    def suggested_number(self) -> int:
        """Return how many principal components stand above noise (parallel analysis)."""
        return scree(self.imgstack)[1]

    get_trajectory = staticmethod(paper.get_trajectory)
    renumerate_classes = staticmethod(paper.renumerate_classes)

    def get_all_trajectories(
        self,
        min_length: int = 0,
        run_gmm: bool = False,
        rmax: float = 10,
        *,
        n_components: int = 5,
        covariance: str = "diag",
        random_state: int = 1,
    ) -> dict[str, Any]:
        """Follow all atoms, one to one, from whichever frame they appear in (`stat.get_all_trajectories`)."""
        return paper.get_all_trajectories(
            self,
            min_length,
            run_gmm,
            rmax,
            n_components=n_components,
            covariance=covariance,
            random_state=random_state,
        )

    def transition_matrix(
        self,
        n_components: int,
        covariance: str = "diag",
        random_state: int = 1,
        rmax: float = 10,
        min_length: int = 0,
        sum_all_transitions: bool = False,
    ) -> dict[str, Any]:
        """Follow all atoms and count how the classes of their patches change (`stat.transition_matrix`)."""
        return paper.transition_matrix(
            self, n_components, covariance, random_state, rmax, min_length, sum_all_transitions
        )

    def _decomposed(
        self, method: str, count: int, seed: int, plot: bool, cycles: int = 1000, offset: float = 0.0
    ) -> Answer:
        found = decompose(self.imgstack, method, count, seed=seed, cycles=cycles, offset=offset)
        self.result = found
        self._draw(plot, maps=False)
        return found.components, found.loadings, self.com_frames

    def _block(self, answer: Answer, plot: bool) -> Answer:
        self._draw(plot, maps=True)
        return answer[0], answer[1], self.imgstack_com

    def _mixture(self, counts: list[int], seed: int, covariance: str) -> Components:
        rows = as_rows(self.imgstack)
        if not 1 <= len(counts) <= len(self.imgstack):
            raise BadOption(
                f"{len(counts)} classes were asked of {len(self.imgstack)} patches.",
                remedy=f"Ask for 1 to {len(self.imgstack)}.",
            )
        found = mixture_with_axes(rows, counts, seed, covariance)
        self.result = shaped(found, self.imgstack.shape[1:])
        return self.result

    def _members(self, found: Components) -> list[Matrix]:
        return [self.imgstack[found.classes == each] for each in range(len(found.components))]

    def _classed(self, found: Components) -> Matrix:
        return np.column_stack([self.imgstack_com, found.classes + 1, self.imgstack_frames])

    def _draw(self, plot: bool, *, maps: bool) -> None:
        if plot and self.result is not None:
            from napari_atomai.plots.components import components_figure

            where = self.imgstack_com if maps else None
            self.figure = components_figure(self.result, where)
