"""Palette and drawing: what comes out is pixel art, colours and drawing are apart, the likelihood is the formula's."""

from __future__ import annotations

import math

import pytest
import torch

from src.models.palette_autoencoder import PaletteAutoencoder, mixture_loss, paint


@pytest.fixture
def autoencoder() -> PaletteAutoencoder:
    torch.manual_seed(0)
    model = PaletteAutoencoder(4, 16, 7, 4, [4, 4], [5, 5], 16, 1).eval()
    # Untrained, one entry wins everywhere; with larger weights all of them occur.
    torch.nn.init.normal_(model.drawing_decoder.to_logits.weight, std=20.0)
    return model


def random_codes(model: PaletteAutoencoder, count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    palette = torch.randint(16, (count, 4), generator=generator)
    return torch.cat([palette, 16 + torch.randint(25, (count, 16), generator=generator)], dim=1)


def test_whatever_is_decoded_has_few_exact_colours_and_binary_alpha(autoencoder: PaletteAutoencoder) -> None:
    with torch.no_grad():
        portraits = autoencoder.decode(random_codes(autoencoder, 8, 0))
    assert portraits.shape == (8, 4, 16, 16)
    for portrait in portraits:
        pixels = portrait.flatten(1).T
        assert set(pixels[:, 3].tolist()) == {-1.0, 1.0}
        assert (pixels[pixels[:, 3] < 0] == -1).all()
        assert 2 <= len(pixels[pixels[:, 3] > 0].unique(dim=0)) <= 7


def test_another_palette_recolours_the_very_same_drawing(autoencoder: PaletteAutoencoder) -> None:
    codes = random_codes(autoencoder, 2, 1)
    other = torch.cat([random_codes(autoencoder, 2, 2)[:, :4], codes[:, 4:]], dim=1)
    with torch.no_grad():
        before, after = autoencoder.decode(codes), autoencoder.decode(other)
    assert not torch.equal(before, after)
    for one, two in zip(before.flatten(2), after.flatten(2), strict=True):
        pairs = torch.cat([one, two]).T.unique(dim=0)
        # One colour here is one colour there, and the other way round.
        assert len(pairs) == len(one.T.unique(dim=0)) == len(two.T.unique(dim=0))


def test_codes_stand_in_their_own_ranges_and_decode_to_what_the_networks_said(autoencoder: PaletteAutoencoder) -> None:
    portraits = torch.rand(3, 4, 16, 16, generator=torch.Generator().manual_seed(3)) * 2 - 1
    with torch.no_grad():
        logits, palettes, codes = autoencoder(portraits)
        decoded = autoencoder.decode(codes)
    assert codes.shape == (3, autoencoder.positions) == (3, 20)
    assert codes[:, :4].max() < 16 <= codes[:, 4:].min()
    assert codes.max() < autoencoder.code_count == 41
    torch.testing.assert_close(decoded, paint(logits.argmax(dim=1), palettes))


def test_a_code_of_the_wrong_kind_is_drawn_all_the_same(autoencoder: PaletteAutoencoder) -> None:
    with torch.no_grad():
        low, high = autoencoder.decode(torch.zeros(1, 20).long()), autoencoder.decode(torch.full((1, 20), 40))
    assert low.isfinite().all()
    assert high.isfinite().all()


def test_the_likelihood_is_that_of_the_mixture() -> None:
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(1, 3, 1, 2, generator=generator)
    palettes = torch.rand(1, 2, 3, generator=generator) * 2 - 1
    portraits = torch.rand(1, 4, 1, 2, generator=generator) * 2 - 1
    portraits[0, 3, 0] = torch.tensor([1.0, -1.0])
    shares = logits[0, :, 0].softmax(dim=0)
    density = sum(
        shares[1 + k, 0].item()
        * math.exp(-(portraits[0, :3, 0, 0] - palettes[0, k]).square().sum().item() / (2 * 0.09))
        for k in range(2)
    )
    expected = -(math.log(density) + math.log(shares[0, 1].item())) / 2
    assert mixture_loss(logits, palettes, portraits, 0.3).item() == pytest.approx(expected, rel=1e-4)


def test_colours_learn_from_the_pixels_that_the_drawing_gives_them() -> None:
    palettes = torch.tensor([[[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]], requires_grad=True)
    logits = torch.tensor([0.0, 50.0, 0.0]).view(1, 3, 1, 1)
    portraits = torch.tensor([0.4, 0.4, 0.4, 1.0]).view(1, 4, 1, 1)
    mixture_loss(logits, palettes, portraits, 0.5).backward()
    # Towards the pixel, although another colour is nearer: that makes an entry mean the same in all portraits.
    torch.testing.assert_close(palettes.grad[0, 0], torch.full((3,), -0.4 / 0.25))
    assert palettes.grad[0, 1].abs().max() < 1e-6
