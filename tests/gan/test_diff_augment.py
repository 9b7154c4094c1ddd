"""DiffAugment: per sample, differentiable, whole pixels."""

import pytest
import torch

from src.errors import InputError
from src.gan.diff_augment import (
    KINDS,
    LARGEST_PROBABILITY,
    TRANSPARENT,
    DiffAugment,
    colour,
    cutout,
    flip,
    instance_noise,
    mirror,
    saturated,
    translation,
)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_pass(kind):
    images = torch.rand(8, 4, 16, 16).requires_grad_(True)
    DiffAugment(kind, 0.8)(images).square().sum().backward()
    assert torch.isfinite(images.grad).all()
    assert (images.grad.flatten(1).abs().sum(dim=1) > 0).all()


@pytest.mark.parametrize("kind", ["translation", "cutout", "colour"])
def test_samples_are_treated_separately(kind):
    same = torch.rand(1, 4, 16, 16).expand(16, -1, -1, -1)
    results = DiffAugment(kind, 0.8)(same)
    assert len({tuple(result.flatten().tolist()) for result in results}) > 4


def test_probability_is_drawn_for_each_sample():
    same = torch.rand(1, 4, 8, 8).expand(4000, -1, -1, -1)
    changed = (DiffAugment("flip", 0.6)(same) != same).flatten(1).any(dim=1).float().mean()
    assert changed.item() == pytest.approx(0.3, abs=0.03)  # four standard deviations


@pytest.mark.parametrize("kind", KINDS)
def test_samples_that_are_not_chosen_stay_as_they_are(kind):
    images = torch.rand(4, 4, 16, 16) * 2 - 1
    torch.testing.assert_close(KINDS[kind](images, torch.zeros(4, dtype=torch.bool)), images)


def test_mirror_changes_left_and_right():
    images = torch.rand(2, 4, 5, 5)
    result = mirror(images, torch.tensor([True, False]))
    assert torch.equal(result[0], images[0].flip(-1))
    assert torch.equal(result[1], images[1])


def test_flip_mirrors_half_of_the_chosen():
    images = torch.rand(1, 4, 5, 5).expand(4000, -1, -1, -1)
    changed = (flip(images, torch.ones(4000, dtype=torch.bool)) != images).flatten(1).any(dim=1).float().mean()
    assert changed.item() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_a_one_sided_set_stays_one_sided_at_the_largest_probability(kind):
    """The mean of augmented portraits still says on which side the set's mark is, by more than the rest of chance."""
    one = torch.full((1, 4, 16, 16), TRANSPARENT)
    one[..., 4:12, 2:6] = 0.5
    one[:, 3, 4:12, 4:12] = 1.0  # a body, and a mark at its left
    augment = DiffAugment(kind, LARGEST_PROBABILITY)
    left, right = (augment(each.expand(4000, -1, -1, -1)).mean(dim=0) for each in (one, one.flip(3)))
    difference = (one - one.flip(3))[0]
    kept = ((left - right) * difference).sum() / difference.square().sum()
    assert kept > 0.15  # 0 is a set without left and right; flipping alone leaves 1 - LARGEST_PROBABILITY


def test_translation_against_torchvision():
    """Every result is a whole-pixel shift of its source, as torchvision's affine map makes it, and shifts differ."""
    from torchvision.transforms import functional as reference  # seconds, for this test alone

    images = torch.rand(64, 4, 16, 16)
    results = translation(images, torch.ones(64, dtype=torch.bool))
    found = set()
    for image, result in zip(images, results, strict=True):
        for down in (-2, -1, 0, 1, 2):
            for right in (-2, -1, 0, 1, 2):
                shifted = reference.affine(image, 0.0, [right, down], 1.0, [0.0], fill=TRANSPARENT)
                if torch.equal(shifted, result):
                    found.add((down, right))
                    break
            else:
                continue
            break
        else:
            pytest.fail("not a whole-pixel shift of up to an eighth of the side")
    assert len(found) > 15


def test_cutout_makes_one_square_transparent():
    images = torch.ones(200, 4, 16, 16)
    results = cutout(images, torch.ones(200, dtype=torch.bool))
    holes = results == TRANSPARENT
    assert torch.equal(holes.any(dim=1), holes.all(dim=1))  # all channels together
    areas = holes[:, 0].sum(dim=(1, 2))
    assert areas.max() == 36 and areas.min() > 0  # 3/8 of 16 is 6
    assert results[~holes].eq(1).all()


def test_colour_leaves_alpha_and_changes_no_transparent_pixel_by_brightness():
    images = torch.rand(8, 4, 16, 16) * 2 - 1
    images[:, 3] = 1
    result = colour(images, torch.ones(8, dtype=torch.bool))
    assert torch.equal(result[:, 3], images[:, 3])
    assert not torch.allclose(result[:, :3], images[:, :3])
    transparent = torch.full((8, 4, 16, 16), TRANSPARENT)
    torch.testing.assert_close(colour(transparent, torch.ones(8, dtype=torch.bool)), transparent)


def test_unknown_kinds_and_bad_probabilities_are_refused():
    with pytest.raises(InputError, match="flip, colour, translation, cutout"):
        DiffAugment("flip,rotate", 0.5)
    with pytest.raises(InputError, match=r"between 0 and 0\.8"):
        DiffAugment("flip", 0.9)


def test_instance_noise_has_the_strength_asked_for():
    images = torch.zeros(16, 4, 32, 32)
    assert instance_noise(images, 0.0) is images
    assert instance_noise(images, 0.1).std().item() == pytest.approx(0.1, rel=0.02)


def test_saturated_colours_keep_their_grey_and_their_alpha():
    images = torch.tensor([[0.5, -0.1, -0.4, 0.7], [0.3, 0.3, 0.3, 1.0], [-1.0, -1.0, -1.0, -1.0]])[:, :, None, None]
    assert saturated(images, 1.0) is images
    expected = torch.tensor([[1.5, -0.3, -1.2, 0.7], [0.3, 0.3, 0.3, 1.0], [-1.0, -1.0, -1.0, -1.0]])
    torch.testing.assert_close(saturated(images, 3.0)[:, :, 0, 0], expected)
