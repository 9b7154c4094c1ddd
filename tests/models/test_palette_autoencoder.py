"""Palette and drawing: what comes out is pixel art, colours and drawing are apart, the likelihood is the formula's."""

from __future__ import annotations

import math

import pytest
import torch

from src.models.palette_autoencoder import (
    PaletteAutoencoder,
    colours_of,
    mean_colours,
    mixture_loss,
    paint,
    palette_loss,
)


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


def test_an_entry_has_the_mean_colour_of_the_pixels_that_it_is_given() -> None:
    generator = torch.Generator().manual_seed(5)
    weights = torch.rand(2, 4, 3, 3, generator=generator)
    weights[0, 3] = 0
    portraits = torch.rand(2, 4, 3, 3, generator=generator) * 2 - 1
    palettes, shares = mean_colours(weights, portraits)
    assert palettes.shape == (2, 3, 3)
    for index in range(2):
        opaque = portraits[index, 3] > 0
        colours = portraits[index, :3][:, opaque]
        given = weights[index, 1:][:, opaque]
        expected = torch.stack([(colours * row).sum(dim=1) / row.sum().clamp(min=1e-9) for row in given])
        used = given.sum(dim=1) > 0
        torch.testing.assert_close(palettes[index][used], expected[used], atol=2e-3, rtol=0)
        torch.testing.assert_close(shares[index], given.sum(dim=1) / given.sum())
    # What is given no pixel has the mean of all.
    overall = (portraits[0, :3] * weights[0, 1:].sum(dim=0) * (portraits[0, 3] > 0)).sum(dim=(1, 2))
    overall = overall / (weights[0, 1:].sum(dim=0) * (portraits[0, 3] > 0)).sum()
    torch.testing.assert_close(palettes[0, 2], overall)


def test_nothing_at_all_has_a_palette_all_the_same(autoencoder: PaletteAutoencoder) -> None:
    empty = torch.full((1, 4, 16, 16), -1.0)
    with torch.no_grad():
        logits, palettes, _ = autoencoder(empty)
    assert logits.isfinite().all()
    assert palettes.isfinite().all()


def test_drawings_of_one_entry_a_pixel_paint_the_portrait_they_were_made_of() -> None:
    palettes = torch.rand(2, 6, 3, generator=torch.Generator().manual_seed(6)) * 2 - 1
    drawings = torch.randint(7, (2, 16, 16), generator=torch.Generator().manual_seed(7))
    portraits = paint(drawings, palettes)
    logits = torch.nn.functional.one_hot(drawings, 7).permute(0, 3, 1, 2).float()
    found, shares = colours_of(logits, portraits)
    torch.testing.assert_close(found, palettes, atol=1e-3, rtol=0)
    assert palette_loss(found, palettes, shares).item() < 1e-6
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(2))


def test_a_palette_is_judged_by_the_colours_that_are_used() -> None:
    palettes, shares = torch.zeros(1, 3, 3), torch.tensor([[0.64, 0.36, 0.0]])
    told = torch.tensor([[[0.3, 0.0, 0.0], [0.0, 0.4, 0.3], [1.0, 1.0, 1.0]]])
    expected = (0.8 * 0.09 + 0.6 * 0.25) / 1.4
    assert palette_loss(told, palettes, shares).item() == pytest.approx(expected, rel=1e-5)


def test_colours_that_are_not_used_do_not_change_how_a_palette_is_spelt(autoencoder: PaletteAutoencoder) -> None:
    palettes = torch.rand(1, 7, 3, generator=torch.Generator().manual_seed(8)) * 2 - 1
    shares = torch.tensor([[0.5, 0.3, 0.2, 0.0, 0.0, 0.0, 0.0]])
    other = palettes.clone()
    other[0, 3:] = 0.9
    with torch.no_grad():
        assert torch.equal(autoencoder.spell(palettes, shares)[1], autoencoder.spell(other, shares)[1])
        other[0, 0] = -palettes[0, 0]
        assert not torch.equal(autoencoder.spell(palettes, shares)[1], autoencoder.spell(other, shares)[1])
