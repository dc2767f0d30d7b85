"""Nets from one signal to another: any size both ways, and normalisers that undo what they did."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'napari-atomai[train]'")

from napari_atomai.errors import BadOption, UnknownOption  # noqa: E402
from napari_atomai.nets.imspec import Normaliser, SignalNet  # noqa: E402
from napari_atomai.nets.registry import build_net, describe_net  # noqa: E402

SMALL = {"nbfilters_encoder": 3, "nbfilters_decoder": 3}


@pytest.mark.parametrize("decoder", ["conv", "mlp"])
@pytest.mark.parametrize(("into", "out"), [((7, 5), (11,)), ((11,), (7, 5)), ((6,), (3,)), ((4, 9), (5, 5))])
def test_any_size_goes_to_any_other(into: tuple[int, ...], out: tuple[int, ...], decoder: str) -> None:
    net = SignalNet(
        into, out, 2, decoder=decoder, encoder_downsampling=2, decoder_upsampling=True, **SMALL
    ).eval()
    x = torch.randn(4, *into, generator=torch.Generator().manual_seed(0))
    assert net(x).shape == (4, *out)
    assert net.encode(x).shape == (4, 2)
    torch.testing.assert_close(net.decode(net.encode(x)), net(x))


def test_everything_goes_through_the_latent() -> None:
    net = SignalNet((6, 6), (8,), 2, **SMALL).eval()
    same = torch.zeros(1, 2)
    assert torch.equal(net.decode(same), net.decode(same.clone()))
    assert not torch.equal(net.decode(same), net.decode(same + 1))


def test_an_encoder_that_halves_takes_any_size() -> None:
    for into in ((13, 13), (5, 9), (3,)):
        net = SignalNet(into, (6,), 2, nblayers_encoder=4, encoder_pooling=3, **SMALL).eval()
        assert net(torch.zeros(2, *into)).shape == (2, 6)
    with pytest.raises(BadOption, match="halve 4 times"):
        SignalNet((8, 8), (6,), 2, encoder_pooling=4, **SMALL)


def test_a_symmetric_net_does_not_care_how_the_image_lies() -> None:
    x = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0))
    same = [torch.rot90(x, 1, (1, 2)), x.flip(2), x.transpose(1, 2)]
    net = SignalNet((8, 8), (5,), 2, symmetric=True, **SMALL).eval()
    for one in same:
        torch.testing.assert_close(net(one), net(x))
    plain = SignalNet((8, 8), (5,), 2, **SMALL).eval()
    assert not torch.allclose(plain(same[0]), plain(x))
    with pytest.raises(BadOption, match="square"):
        SignalNet((8, 9), (5,), 2, symmetric=True, **SMALL)


def test_it_is_built_again_from_its_name_and_options() -> None:
    net = build_net("ImSpec", {"in_dim": [6, 7], "out_dim": [9], **SMALL}, seed=3)
    name, options = describe_net(net)
    twin = build_net(name, options, seed=3)
    for one, other in zip(net.state_dict().values(), twin.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_spectra_lose_their_mean_and_images_their_mean_intensity() -> None:
    spectra = torch.rand(20, 5, dtype=torch.float64) * 1e-3 + torch.arange(5)
    for dims, values in (((5,), spectra), ((4, 5), spectra.reshape(5, 4, 5))):
        normaliser = Normaliser(dims)
        normaliser.learn(values)
        scaled = normaliser.apply_to(values)
        assert float(scaled.double().square().mean()) == pytest.approx(1, rel=0.02)
        assert float(scaled.mean()) == pytest.approx(0, abs=1e-2)
    assert normaliser.mean.shape == (1, 1)


def test_normalising_is_undone_at_any_scale() -> None:
    for factor in (1e-12, 1.0, 1e6):
        values = factor * torch.rand(9, 4, dtype=torch.float64)
        normaliser = Normaliser((4,))
        normaliser.learn(values)
        torch.testing.assert_close(
            normaliser.undo(normaliser.apply_to(values)).double(), values, rtol=1e-5, atol=1e-6 * factor
        )


def test_a_constant_is_scaled_by_one() -> None:
    normaliser = Normaliser((3,))
    normaliser.learn(torch.full((4, 3), 7.0))
    assert torch.equal(normaliser.apply_to(torch.full((1, 3), 8.0)), torch.ones(1, 3))


def test_options_that_make_no_net_are_refused() -> None:
    with pytest.raises(BadOption, match="in_dim"):
        SignalNet((4, 4, 3), (5,))
    with pytest.raises(BadOption, match="latent_dim is 0"):
        SignalNet((4, 4), (5,), 0)
    with pytest.raises(BadOption, match=r"latent_dim is 2\.5"):
        SignalNet((16, 16), (64,), latent_dim=2.5)
    with pytest.raises(UnknownOption, match="mlp"):
        SignalNet((4, 4), (5,), decoder="mlpp")
