"""The probability follows D's advantage and is part of a checkpoint."""

import pytest
import torch

from src.gan.adaptive_augmentation import AdaptiveAugment
from src.gan.diff_augment import DiffAugment


def make() -> AdaptiveAugment:
    return AdaptiveAugment(DiffAugment("flip", 0.5), target=0.6, move_kimg=0.16, device=torch.device("cpu"))


def test_the_probability_follows_the_advantage_up_to_the_largest():
    augment, seen = make(), []
    for advantage in [1.0] * 7 + [0.5] * 2:
        augment.adapt(torch.tensor(advantage), 16)  # a tenth of 160 images
        seen.append(round(augment.probability.item(), 4))
    assert seen == [0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5, 0.4, 0.3]


def test_the_probability_is_used_and_survives_saving():
    augment, other = make(), make()
    images = torch.rand(1, 4, 5, 5).expand(64, -1, -1, -1)
    assert torch.equal(augment(images), images)
    for _ in range(5):
        augment.adapt(torch.tensor(1.0), 16)
    other.load_state_dict(augment.state_dict())
    assert other.probability.item() == pytest.approx(0.5)
    assert not torch.equal(other(images), images)
