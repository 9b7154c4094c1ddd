"""The palette head gives pixel art by construction, and learns all the same."""

import pytest
import torch

from src.zoo.r3gan import DirectHead, PaletteHead


def make_head(colours=5):
    head = PaletteHead(channels=8, condition_dim=6, colours=colours)
    return head, torch.randn(3, 8, 8, 8), torch.randn(3, 6)


def test_samples_have_at_most_k_exact_colours_and_binary_alpha():
    head, features, condition = make_head()
    portraits = head.eval()(features, condition)
    assert portraits.shape == (3, 4, 16, 16)
    alpha = portraits[:, 3]
    assert set(alpha.unique().tolist()) == {-1.0, 1.0}
    for portrait, entries in zip(portraits, head.palette(condition), strict=True):
        pixels = portrait.flatten(1).T
        colours = pixels[pixels[:, 3] > 0].unique(dim=0)
        assert 2 <= len(colours) <= 5
        # Every colour is exactly one of the palette's; transparent pixels are transparent black.
        assert all((entries == colour[:3]).all(dim=1).any() for colour in colours)
        assert (pixels[pixels[:, 3] < 0] == -1).all()


def test_every_pixel_takes_its_likeliest_entry():
    head, features, condition = make_head()
    portraits, logits, palette = head.eval()(features, condition), head.choice(features), head.palette(condition)
    for n, y, x in [(0, 0, 0), (1, 7, 3), (2, 15, 15)]:
        index = logits[n, :, y, x].argmax().item()
        expected = torch.tensor([-1.0] * 4) if index == 0 else torch.cat([palette[n, index - 1], torch.ones(1)])
        torch.testing.assert_close(portraits[n, :, y, x], expected)


@pytest.mark.parametrize("hardness", [0.0, 0.5, 1.0])
def test_training_mixes_by_probability_or_takes_the_likeliest(hardness):
    head, features, condition = make_head()
    head.hardness.fill_(hardness)
    exact = head.eval()(features, condition)
    head.train()
    portraits = head(features, condition)
    entries = torch.cat([torch.full((3, 1, 4), -1.0), torch.cat([head.palette(condition), torch.ones(3, 5, 1)], 2)], 1)
    mixed = torch.einsum("nkhw,nkc->nchw", head.choice(features).softmax(1), entries)
    torch.testing.assert_close(portraits, mixed + hardness * (exact - mixed), atol=1e-5, rtol=0)


def test_an_exact_choice_still_sends_the_softmaxs_gradient():
    head, features, condition = make_head()
    gradients = []
    for hardness in (0.0, 1.0):
        head.hardness.fill_(hardness)
        weights = torch.randn(3, 4, 16, 16, generator=torch.Generator().manual_seed(1))
        (gradient,) = torch.autograd.grad(
            (head(features, condition) * weights).sum(), head.to_choice.weight, retain_graph=False
        )
        gradients.append(gradient)
    assert gradients[1].abs().max() > 1e-3
    torch.testing.assert_close(gradients[0], gradients[1])


def test_the_direct_head_has_the_same_shape_and_range():
    portraits = DirectHead(8)(torch.randn(3, 8, 8, 8), torch.zeros(3, 6))
    assert portraits.shape == (3, 4, 16, 16) and portraits.abs().max() <= 1


@pytest.mark.parametrize("make", [lambda: PaletteHead(8, 6, 5), lambda: DirectHead(8)])
def test_the_four_pixels_of_a_patch_start_alike(make):
    portraits = make().eval()(torch.randn(2, 8, 4, 4), torch.randn(2, 6))
    assert torch.equal(portraits, portraits[:, :, ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert not torch.equal(portraits[:, :, 0], portraits[:, :, 2])
