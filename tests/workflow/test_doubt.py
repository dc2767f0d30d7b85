"""Entropy, and the part of it that an ensemble disagrees about."""

from __future__ import annotations

import numpy as np

from napari_atomai.workflow.doubt import entropy, mutual_information


def test_entropy_is_a_bit_where_nothing_is_known_and_none_where_all_is() -> None:
    np.testing.assert_allclose(entropy(np.array([0.5, 0.0, 1.0])), [1, 0, 0], atol=1e-4)


def test_nets_that_agree_share_no_doubt_and_those_that_are_sure_of_opposites_all() -> None:
    together = mutual_information(np.array([0.5, 0.1, 0.0]), np.zeros(3))
    np.testing.assert_allclose(together, 0, atol=1e-4)
    np.testing.assert_allclose(mutual_information(np.array([0.5]), np.array([0.5])), 1, atol=1e-3)


def test_it_is_that_of_many_nets_drawn_from_a_beta_distribution() -> None:
    rng = np.random.default_rng(0)
    for a, b in ((2.0, 5.0), (0.4, 0.4), (30.0, 10.0)):
        members = rng.beta(a, b, 200_000)
        exact = entropy(members.mean()) - entropy(members).mean()
        told = mutual_information(members.mean(), members.std())
        np.testing.assert_allclose(told, exact, atol=3e-3)


def test_it_is_near_to_that_of_five_nets() -> None:
    members = 1 / (1 + np.exp(-np.random.default_rng(1).normal(0.3, 1.2, (5, 64, 64))))
    exact = entropy(members.mean(axis=0)) - entropy(members).mean(axis=0)
    told = mutual_information(members.mean(axis=0), members.std(axis=0))
    assert np.abs(told - exact).mean() < 0.01
    assert np.corrcoef(told.ravel(), exact.ravel())[0, 1] > 0.98
    assert (told <= entropy(members.mean(axis=0)) + 1e-6).all()


def test_it_does_not_ask_which_is_yes_and_which_is_no() -> None:
    mean, spread = np.array([0.2, 0.7]), np.array([0.1, 0.3])
    np.testing.assert_allclose(
        mutual_information(mean, spread), mutual_information(1 - mean, spread), atol=1e-6
    )
