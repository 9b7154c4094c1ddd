"""The r3gan recipe: networks without normalisation, losses by hand, schedules."""

import math

import pytest
import torch
from torch.nn import functional

from src.config import load_config
from src.family import DataSpecification
from src.labels import LabelSpecification
from src.zoo.r3gan import (
    R3GAN,
    DirectHead,
    NormFreeDiscriminator,
    NormFreeGenerator,
    cosine,
    stage_channels,
)
from tests.conftest import with_optimizers


def test_the_direct_head_has_the_same_shape_and_range():
    portraits = DirectHead(8)(torch.randn(3, 8, 8, 8), torch.zeros(3, 6))
    assert portraits.shape == (3, 4, 16, 16) and portraits.abs().max() <= 1


def test_the_four_pixels_of_a_patch_start_alike():
    portraits = DirectHead(8)(torch.randn(2, 8, 4, 4), torch.randn(2, 6))
    assert torch.equal(portraits, portraits[:, :, ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert not torch.equal(portraits[:, :, 0], portraits[:, :, 2])


def make_generator(**values):
    torch.manual_seed(0)
    return NormFreeGenerator(16, (2, 3, 2), (2,), latent_dim=12, base_channels=8, embedding_dim=6, **values)


@pytest.mark.parametrize(
    ("size", "channels"), [(16, [16, 8]), (32, [32, 16, 8]), (64, [32, 32, 16, 8]), (128, [32, 32, 32, 16, 8])]
)
def test_channels_double_up_to_four_times_the_base(size, channels):
    assert stage_channels(size, 8) == channels


@pytest.mark.parametrize("size", [7, 24, 4])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match="power of two"):
        stage_channels(size, 8)


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("colours", [0, 7])
def test_shapes_and_range(size, colours):
    generator = NormFreeGenerator(size, (2, 3), (), base_channels=4, colours=colours)
    discriminator = NormFreeDiscriminator(size, 4, (2, 3), base_channels=4)
    labels = torch.tensor([[0, 2], [1, 0]])
    portraits = generator(torch.randn(2, 120), labels)
    assert portraits.shape == (2, 4, size, size) and portraits.abs().max() <= 1
    assert discriminator(portraits, labels).shape == (2,)


def test_branches_start_at_zero():
    """Fixup: at the start every residual block passes its input through, whatever the condition."""
    block = make_generator().stages[0][0]
    features = torch.randn(2, 16, 4, 4)
    condition = torch.randn(2, block.modulate.in_features)
    torch.testing.assert_close(block(features, condition), features)


def test_another_palette_recolours_the_same_hero():
    generator = make_generator(colours=7).eval()
    for parameter in generator.parameters():
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    latents = torch.randn(4, 12)
    labels = torch.tensor([[0, 1, 0]] * 4)
    portraits, recoloured = generator(latents, labels), generator(latents, labels + torch.tensor([0, 0, 1]))
    torch.testing.assert_close(portraits[:, 3], recoloured[:, 3])
    assert not torch.allclose(portraits[:, :3], recoloured[:, :3])
    # The same index map: pixels that share a colour before share one after.
    for before, after in zip(portraits, recoloured, strict=True):
        pairs = torch.cat([before, after]).flatten(1).T.unique(dim=0)
        assert len(pairs) == len(before.flatten(1).T.unique(dim=0)) == len(after.flatten(1).T.unique(dim=0))
    recast = generator(latents, labels + torch.tensor([0, 1, 0]))
    assert not torch.allclose(portraits[:, 3], recast[:, 3])


def test_without_label_strength_labels_do_not_count():
    generator, discriminator = make_generator(), NormFreeDiscriminator(16, 4, (2, 3, 2), base_channels=8)
    images, latents = torch.randn(2, 4, 16, 16), torch.randn(2, 12)
    a, b = torch.zeros(2, 3, dtype=torch.int64), torch.ones(2, 3, dtype=torch.int64)
    for strength, same in ((1.0, False), (0.0, True)):
        generator.label_strength.fill_(strength)
        discriminator.label_strength.fill_(strength)
        assert torch.allclose(generator(latents, a), generator(latents, b)) == same
        assert torch.allclose(discriminator(images, a), discriminator(images, b)) == same


def test_projection_against_its_formula():
    discriminator = NormFreeDiscriminator(16, 4, (2, 3), base_channels=4)
    images = torch.randn(3, 4, 16, 16)
    labels = torch.tensor([[0, 1], [1, 2], [1, 0]])
    with_labels = discriminator(images, labels)
    features = []
    hook = discriminator.mix.register_forward_hook(lambda module, inputs, output: features.append(output))
    discriminator(images, labels)
    hook.remove()
    rows = sum(table.weight[labels[:, column]] for column, table in enumerate(discriminator.tables))
    width = features[0].shape[1]
    expected = discriminator.score(features[0]).squeeze(1) + (rows * features[0]).sum(1) / width**0.5
    torch.testing.assert_close(with_labels, expected)


LABELS = LabelSpecification({"hero_class": ("bard", "mage"), "palette": ("cool", "warm")})


def make(**values):
    config = load_config("r3gan", "smoke", overrides={"precision": "fp32", "augment": "", **values})
    return with_optimizers(R3GAN(config, DataSpecification(16, 4, LABELS, 0.3), torch.device("cpu")))


def batch(count=16):
    return torch.rand(count, 4, 16, 16) * 2 - 1, torch.randint(0, 2, (count, 2))


@pytest.mark.parametrize(("images_seen", "expected"), [(0, 2.0), (250_000, 1.25), (500_000, 0.5), (900_000, 0.5)])
def test_the_schedule_is_half_a_cosine(images_seen, expected):
    assert cosine(2.0, 0.5, images_seen, 500) == pytest.approx(expected)
    assert cosine(2.0, 0.5, 125_000, 500) == pytest.approx(0.5 + 1.5 * (1 + math.cos(math.pi / 4)) / 2)
    assert cosine(2.0, 0.5, 0, 0) == 0.5


def test_losses_compare_each_real_with_its_fake():
    family = make(diversity_weight=0.0)
    reals, labels = batch()
    seen = []
    original = family.discriminator.forward

    def recorded(images, labels):
        seen.append((images.detach().clone(), labels.clone(), original(images, labels).detach().clone()))
        return original(images, labels)

    family.discriminator.forward = recorded
    scalars = family.train_step(reals, labels, 16)  # step 1: no penalties
    (pairs, pair_labels, logits), (fakes, fake_labels, fake_logits) = seen
    assert torch.equal(pairs[:16], reals) and torch.equal(pair_labels, labels.repeat(2, 1))
    assert torch.equal(pairs[16:], fakes) and torch.equal(fake_labels, labels)
    real_logits, old_fake_logits = logits.chunk(2)
    torch.testing.assert_close(scalars["loss_discriminator"], functional.softplus(old_fake_logits - real_logits).mean())
    torch.testing.assert_close(scalars["loss_generator"], functional.softplus(real_logits - fake_logits).mean())


def test_penalties_come_at_their_interval_and_at_both_ends():
    family = make(penalty_interval=2)
    for step, expected in enumerate([True, False, True, False]):
        scalars = family.train_step(*batch(), step * 16)
        assert ("r1" in scalars) == ("r2" in scalars) == expected


def test_the_schedule_reaches_optimizers_labels_and_head():
    family = make(schedule_kimg=1.0, label_ramp_kimg=0.5, harden_kimg=0.25, discriminator_rate=2.0)
    family.follow_schedule(0)
    group = family.optimizer_discriminator.param_groups[0]
    assert (group["lr"], group["betas"]) == (4e-4, (0.0, 0.9))
    assert family.optimizer_generator.param_groups[0]["lr"] == 2e-4
    assert family.generator.label_strength == 0 and family.generator.head.hardness == 0
    family.follow_schedule(1000)
    assert (group["lr"], group["betas"]) == (pytest.approx(1e-4), (0.0, pytest.approx(0.99)))
    assert family.generator.label_strength == family.discriminator.label_strength == 1
    assert family.generator.head.hardness == 1


def test_free_pixels_can_be_chosen_instead_of_a_palette():
    family = make(colours=0)
    family.train_step(*batch(), 0)
    sampled = family.sample(
        family.sampler.eval(), torch.randn(2, family.latent_dim), torch.zeros(2, 2, dtype=torch.int64)
    )
    assert len(sampled[0].flatten(1).T.unique(dim=0)) > 31
