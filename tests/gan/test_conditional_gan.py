"""What the step does with settings that are off by default."""

import pytest
import torch

from tests.test_family_contract import make


def step(family, seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    labels = torch.stack([torch.randint(size, (8,)) for size in family.data.labels.sizes], dim=1)
    return family.train_step(torch.rand(8, 4, 16, 16) * 2 - 1, labels, 0)


@pytest.mark.parametrize("name", ["resnet_gan", "cdcgan"])
def test_frozen_blocks_stay_as_they_are_and_the_others_learn(name):
    family = make(name, frozen_blocks=2)
    first, others = family.discriminator_blocks[:2], family.discriminator_blocks[2:]
    weights = [[each.clone() for each in block.parameters()] for block in (*first, *others)]
    for seed in range(2):
        step(family, seed)
    changed = [
        any(not torch.equal(old, new) for old, new in zip(before, block.parameters(), strict=True))
        for before, block in zip(weights, (*first, *others), strict=True)
    ]
    assert changed == [False] * 2 + [True] * len(others)


def test_adaptive_augmentation_moves_with_the_step_and_is_saved():
    family = make("resnet_gan", batch_size=8, augment_target=1e-6, augment_move_kimg=0.08)
    scalars = step(family)
    assert scalars["augment_probability"] in (0.0, torch.tensor(0.1))
    assert "augment_probability" in family.state_dict()
    assert "augment_probability" not in make("resnet_gan").state_dict()
