"""`imlocal`: the paper's words on simulated domains of four displacements."""

from __future__ import annotations

import numpy as np
import pytest

from napari_atomai.errors import BadAtoms, BadImage, BadOption
from napari_atomai.stat.local import imlocal

pytest.importorskip("sklearn")

DIRECTIONS = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)])


def perovskite(cells: int = 24, side: int = 12, shift: float = 1.2) -> tuple[np.ndarray, ...]:
    """Return an image of four domains of displaced B atoms, their ideal sites, and the domain of each."""
    grid = np.stack(np.meshgrid(*[np.arange(cells)] * 2, indexing="ij"), -1).reshape(-1, 2)
    domain = 2 * (grid[:, 0] >= cells // 2) + (grid[:, 1] >= cells // 2)
    first = (grid + 0.5) * side
    second = first + side / 2 + shift * DIRECTIONS[domain]
    rows, cols = np.indices((cells * side, cells * side))
    image = np.zeros(rows.shape)
    for positions, height in ((first, 1.0), (second, 0.6)):
        reach = 8
        for row, col in positions:
            low = np.maximum((int(row) - reach, int(col) - reach), 0)
            box = slice(low[0], int(row) + reach), slice(low[1], int(col) + reach)
            image[box] += height * np.exp(-((rows[box] - row) ** 2 + (cols[box] - col) ** 2) / 8)
    rng = np.random.default_rng(0)
    return rng.poisson(200 * image + 20) / 200, first + side / 2, domain


@pytest.fixture(scope="module")
def stack() -> tuple[imlocal, np.ndarray]:
    image, atoms, domain = perovskite()
    table = np.column_stack([atoms, np.zeros(len(atoms))])
    made = imlocal(image, {0: table}, window_size=12)
    index = np.array([np.flatnonzero((atoms == place).all(axis=1))[0] for place in made.imgstack_com])
    return made, domain[index]


def test_nmf_loadings_recover_four_ferroelectric_domains(stack: tuple[imlocal, np.ndarray]) -> None:
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    made, domain = stack
    _, loadings, where = made.imblock_nmf(4)
    unit = loadings / loadings.sum(axis=1, keepdims=True)
    labels = KMeans(4, n_init=10, random_state=0).fit_predict(unit)
    assert where.shape == (len(domain), 2)
    assert adjusted_rand_score(domain, labels) >= 0.95


def test_a_mixture_recovers_four_ferroelectric_domains(stack: tuple[imlocal, np.ndarray]) -> None:
    from sklearn.metrics import adjusted_rand_score

    made, domain = stack
    means, members, where = made.gmm(4)
    assert adjusted_rand_score(domain, where[:, 2]) >= 0.95
    assert [len(each) for each in members] == [np.count_nonzero(where[:, 2] == k) for k in (1, 2, 3, 4)]
    assert all(
        np.allclose(mean, each.mean(axis=0), atol=0.01) for mean, each in zip(means, members, strict=True)
    )


def test_the_words_of_the_paper_give_the_shapes_of_the_paper(stack: tuple[imlocal, np.ndarray]) -> None:
    made, _ = stack
    number = len(made.imgstack)
    for method in (made.pca, made.ica, made.nmf):
        components, loadings, where = method(3)
        assert (components.shape, loadings.shape, where.shape) == ((3, 12, 12, 1), (number, 3), (number, 3))
    means, components, loadings, where = made.pca_gmm(2, [1, 3])
    assert [each.shape for each in components] == [(1, 12, 12, 1), (3, 12, 12, 1)]
    assert sum(map(len, loadings)) == number
    assert (means.shape, where.shape) == ((2, 12, 12, 1), (number, 4))
    assert len(made.pca_gmm_scree_plot(2, plot_results=False)) == 2


def test_plots_are_figures_with_a_map_under_each_component(stack: tuple[imlocal, np.ndarray]) -> None:
    made, _ = stack
    made.imblock_pca(3, plot_results=True)
    assert len(made.figure.axes) == 6
    made.pca_scree_plot()
    assert made.figure.axes[0].get_xlabel() == "component"
    assert 2 <= made.suggested_number() <= 10


def test_bad_requests_are_refused_in_words() -> None:
    image, atoms, _ = perovskite(4)
    table = {0: np.column_stack([atoms, np.zeros(len(atoms))])}
    with pytest.raises(BadOption, match="window_size"):
        imlocal(image, table)
    with pytest.raises(BadAtoms, match="No window can be cut"):
        imlocal(image, table, window_size=60)
    with pytest.raises(BadAtoms):
        imlocal(image, table, window_size=8, coord_class=1)
    made = imlocal(image - 1, table, window_size=8)
    with pytest.raises(BadImage, match="offset"):
        made.imblock_nmf(2)
    with pytest.raises(BadOption, match="classes"):
        made.gmm(99)
    with pytest.raises(BadOption, match="n_components_pca"):
        made.pca_gmm(3, [1, 2])


def test_the_trajectories_of_imlocal_are_those_of_the_functions() -> None:
    rng = np.random.default_rng(2)
    sites = np.stack(np.meshgrid([14, 34], [14, 34], indexing="ij"), -1).reshape(-1, 2)
    rows, cols = np.indices((48, 48))
    tables, pictures, order = {}, [], np.arange(4)
    for frame in range(8):
        where = sites + 0.1 * frame
        height = np.where((order + frame) % 4 < 2, 3.0, 1.0)[:, None, None]
        spots = np.exp(-((rows - where[:, :1, None]) ** 2 + (cols - where[:, 1:, None]) ** 2) / 8)
        pictures.append((height * spots).sum(axis=0))
        tables[frame] = np.column_stack([where, np.zeros(4)])[rng.permutation(4)]
    made = imlocal(np.stack(pictures)[..., None], tables, window_size=12)
    found = made.transition_matrix(2, rmax=3, sum_all_transitions=True)
    assert [path.shape for path in found["trajectories"]] == [(8, 3)] * 4
    # Each atom is bright for two frames, then dim for two: each state is followed by both as often.
    assert found["all_transitions"] == pytest.approx(np.full((2, 2), 0.5), abs=0.15)
    plain = made.get_all_trajectories(min_length=7, rmax=3)
    for one, other in zip(plain["trajectories"], found["trajectories"], strict=True):
        assert np.array_equal(one[:, :2], other[:, :2])
    assert not made.get_all_trajectories(min_length=8, rmax=3)["trajectories"]
    path, frames = made.get_trajectory(tables, (14, 34), 3)
    assert np.allclose(path[:, :2], sites[1] + 0.1 * np.arange(8)[:, None])
    assert np.array_equal(frames, np.arange(8))
    assert made.renumerate_classes([5, 2, 5]).tolist() == [1, 0, 1]
