"""The r3gan recipe: its losses by hand, its schedules, its adaptive augmentation."""

import math

import pytest
import torch
from torch.nn import functional

from src.config import load_config
from src.family import DataSpecification
from src.labels import LabelSpecification
from src.zoo.r3gan import R3GAN, cosine
from tests.conftest import with_optimizers

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
    family = make(schedule_kimg=1.0, label_ramp_kimg=0.5, harden_kimg=0.25)
    family.follow_schedule(0)
    group = family.optimizer_discriminator.param_groups[0]
    assert (group["lr"], group["betas"]) == (2e-4, (0.0, 0.9))
    assert family.generator.label_strength == 0 and family.generator.head.hardness == 0
    family.follow_schedule(1000)
    assert (group["lr"], group["betas"]) == (pytest.approx(5e-5), (0.0, pytest.approx(0.99)))
    assert family.generator.label_strength == family.discriminator.label_strength == 1
    assert family.generator.head.hardness == 1


def test_augmentation_follows_the_discriminators_advantage():
    family = make(augment_move_kimg=0.16, augment_most=0.5)  # a tenth a step of 16
    ahead, behind = torch.cat([torch.ones(16), torch.zeros(16)]), torch.cat([torch.zeros(16), torch.ones(16)])
    seen = []
    for logits in [ahead] * 7 + [behind] * 2:
        family.adapt_augmentation(logits)
        seen.append(round(family.augment_probability.item(), 4))
    assert seen == [0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5, 0.4, 0.3]
    assert family.adapt_augmentation(ahead).item() == 1 and family.adapt_augmentation(behind).item() == -1


def test_the_adapted_strength_survives_saving():
    family, other = make(augment_move_kimg=0.16), make()
    family.adapt_augmentation(torch.cat([torch.ones(16), torch.zeros(16)]))
    state = family.state_dict()
    family.adapt_augmentation(torch.cat([torch.ones(16), torch.zeros(16)]))
    other.load_state_dict(state)
    assert other.augment_probability.item() == pytest.approx(0.1)


def test_free_pixels_can_be_chosen_instead_of_a_palette():
    family = make(colours=0)
    family.train_step(*batch(), 0)
    sampled = family.sample(
        family.sampler.eval(), torch.randn(2, family.latent_dim), torch.zeros(2, 2, dtype=torch.int64)
    )
    assert len(sampled[0].flatten(1).T.unique(dim=0)) > 31
