"""Onto few exact colours: what is kept, what is merged, and what a sample then is."""

import pytest
import torch

from src.zoo.palette_projection import onto_palettes, own_palette

# Far from each other, as a palette's colours are; the last one is one pixel's.
PALETTE = torch.tensor([[-0.9, -0.9, -0.8], [0.6, 0.1, -0.4], [0.8, 0.7, 0.5], [-0.2, 0.3, 0.9], [1.0, 1.0, 1.0]])


def sampled(noise=0.0, side=16):
    """A portrait of five colours, the upper quarter transparent, with so much noise on every channel."""
    torch.manual_seed(0)
    drawing = torch.randint(4, (side, side))
    drawing[8, 8] = 4
    portrait = torch.cat([PALETTE[drawing].permute(2, 0, 1), torch.ones(1, side, side)])
    portrait[:, : side // 4] = -1
    return portrait, portrait + noise * torch.randn_like(portrait)


def colours_of(portrait):
    return torch.unique(portrait[:3, portrait[3] > 0].T, dim=0)


def test_noise_goes_and_a_colour_of_one_pixel_stays():
    clean, noisy = sampled(noise=0.01)
    projected = onto_palettes(noisy[None], 31, 0.1)[0]
    assert len(colours_of(noisy)) == 192 and len(colours_of(projected)) == 5
    # Means over some fifty pixels each, and the one pixel's own noise.
    assert (projected - clean).abs().max() < 0.04
    assert torch.equal(projected[3], clean[3])
    # Nothing that is put onto its palette moves when it is put there again.
    torch.testing.assert_close(onto_palettes(projected[None], 31, 0.1)[0], projected, rtol=0, atol=1e-6)


def test_pixel_art_stays_as_it_is():
    clean, _ = sampled()
    torch.testing.assert_close(onto_palettes(clean[None], 31, 0.1)[0], clean, rtol=0, atol=1e-6)


def test_transparent_is_black_and_half_there_is_there_or_not():
    portrait = torch.full((1, 4, 2, 2), 0.5)
    portrait[0, 3] = torch.tensor([[0.1, -0.1], [-0.9, 0.9]])
    projected = onto_palettes(portrait, 31, 0.1)[0]
    assert torch.equal(projected[3], torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))
    assert (projected[:3, projected[3] < 0] == -1).all() and (projected[:3, projected[3] > 0] == 0.5).all()
    nothing = torch.full((1, 4, 2, 2), -0.7)
    assert (onto_palettes(nothing, 31, 0.1) == -1).all()


def test_what_is_not_a_number_is_not_there():
    clean, _ = sampled()
    broken = clean.clone()
    broken[0, 10, 10] = float("nan")
    broken[2, 11, 11] = float("inf")
    projected = onto_palettes(broken[None], 31, 0.1)[0]
    for row in (10, 11):
        assert (projected[:, row, row] == -1).all()
        clean[:, row, row] = -1
    torch.testing.assert_close(projected, clean, rtol=0, atol=1e-6)
    assert (onto_palettes(torch.full((1, 4, 4, 4), float("nan")), 31, 0.1) == -1).all()


def test_where_there_are_too_many_colours_near_ones_are_merged_and_rare_ones_kept():
    """Of five colours the two that are nearest to each other have to become one, however rare the fifth is."""
    counts = torch.tensor([50, 30, 20, 10, 1])
    shades = torch.tensor([[0.0, 0.0, 0.0], [0.3, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    palette = own_palette(shades.repeat_interleave(counts, dim=0), 4, 0.1)
    merged = torch.tensor([[0.3 * 30 / 80, 0.0, 0.0]])
    torch.testing.assert_close(palette, torch.cat([merged, shades[2:]]), rtol=0, atol=1e-5)


def test_every_pixel_takes_the_nearest_of_its_palette():
    portrait = torch.cat([torch.rand(3, 8, 8) * 2 - 1, torch.ones(1, 8, 8)])
    projected = onto_palettes(portrait[None], 6, 0.1)[0]
    kept = colours_of(projected)
    assert 1 < len(kept) <= 6
    before, after = portrait[:3].flatten(1).T, projected[:3].flatten(1).T
    # One of the palette may have no pixel left that is nearest to it: then it is not among those kept.
    assert ((before - after).norm(dim=1) <= torch.cdist(before, kept).min(dim=1).values + 1e-3).all()


@pytest.mark.parametrize("distance, left", [(0.05, 2), (0.3, 1)])
def test_colours_closer_than_the_distance_become_one(distance, left):
    pixels = torch.tensor([[0.0, 0.0, 0.0]] * 3 + [[0.1, 0.1, 0.1]])
    palette = own_palette(pixels, 31, distance)
    assert len(palette) == left
    assert torch.allclose(palette[0], torch.full((3,), 0.0 if left == 2 else 0.025))
