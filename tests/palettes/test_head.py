"""The palette head: exact colours, the straight-through gradient, patches."""

import numpy as np
import pytest
import torch

from src.palettes.head import PaletteHead, colours_note


def make_head(colours=5, **values):
    head = PaletteHead(channels=8, condition_dim=6, colours=colours, **values)
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


def test_evaluation_has_the_gradient_of_training_and_no_other_pixel_for_it():
    head, features, condition = make_head()
    weights = torch.randn(3, 4, 16, 16, generator=torch.Generator().manual_seed(1))

    def gradient():
        return torch.autograd.grad((head(features, condition) * weights).sum(), head.to_choice.weight)[0]

    in_training, in_evaluation = gradient(), (head.eval(), gradient())[1]
    assert in_training.abs().max() > 1e-3
    torch.testing.assert_close(in_evaluation, in_training)
    with torch.no_grad():
        without = head(features, condition)
    assert torch.equal(head(features, condition), without)


@pytest.mark.parametrize("side", [1, 2, 4])
def test_the_pixels_of_a_patch_start_alike(side):
    head, features, condition = make_head(patch_size=side)
    portraits = head.eval()(features, condition)
    assert portraits.shape == (3, 4, 8 * side, 8 * side)
    patches = portraits[:, :, ::side, ::side]
    assert torch.equal(portraits, patches.repeat_interleave(side, 2).repeat_interleave(side, 3))
    assert not torch.equal(patches[:, :, 0], patches[:, :, 1])


def test_portraits_of_more_colours_are_told_with_what_to_do():
    images = np.zeros((600, 8, 8, 4), np.uint8)
    images[..., 3] = 255
    images[:, 0, :6, 0] = range(1, 7)  # with black: seven colours
    assert colours_note(images, 7) == colours_note(images, 0) == ""
    assert colours_note(images, 6) == "a portrait has 7 colours, a sample at most 6; --set colours=0 is for free pixels"
    images[::3] = 0
    assert "a portrait has 7 colours" in colours_note(images, 6)
