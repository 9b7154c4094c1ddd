"""What the step does with settings that are off by default."""

import pytest
import torch

from tests.same import assert_same
from tests.test_family_contract import make


def step(family, seed: int = 0, images_seen: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    labels = torch.stack([torch.randint(size, (8,)) for size in family.data.labels.sizes], dim=1)
    return family.train_step(torch.rand(8, 4, 16, 16) * 2 - 1, labels, images_seen)


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


@pytest.mark.parametrize(("images_seen", "gamma"), [(64, 15.0), (128, 30.0), (256, 30.0)])
def test_the_penalty_rises_to_gamma(images_seen, gamma):
    """Each of these steps has one."""
    families = []
    for values in ({"r1_gamma": 30.0, "r1_rise_kimg": 0.128}, {"r1_gamma": gamma}):
        torch.manual_seed(0)
        families.append(make("resnet_gan", batch_size=8, r1_interval=8, **values))
        step(families[-1], images_seen=images_seen)
    assert_same(*(family.discriminator.state_dict() for family in families))


def test_the_discriminator_sees_stronger_colours_everywhere():
    """Of red portraits green and blue become darker: in the step's two passes, the penalty's, and in validation."""
    family = make("resnet_gan", batch_size=8, augment="", instance_noise=0.0, chroma_gain=3.0, r1_gamma=1.0)
    family.fakes = lambda labels: torch.tensor([0.6, 0.0, 0.0, 1.0])[:, None, None].expand(len(labels), 4, 16, 16)
    seen = []
    family.discriminator.to_patches.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    reals, labels = family.fakes(range(8)), torch.zeros(8, len(family.data.labels.sizes), dtype=torch.int64)
    with pytest.raises(RuntimeError, match="does not require grad"):  # the fakes have no generator
        family.train_step(reals, labels, 0)
    family.validate(reals, labels, 0)
    assert [len(images) for images in seen] == [16, 8, 8, 8]
    for images in seen:
        torch.testing.assert_close(images[:, :, 0, 0], torch.tensor([[1.4, -0.4, -0.4, 1.0]]).expand(len(images), 4))


def test_noise_is_as_strong_in_stronger_colours():
    family = make("resnet_gan", augment="", instance_noise=0.2, instance_noise_kimg=1.0, chroma_gain=3.0)
    grey = torch.zeros(8, 4, 16, 16)
    red_from_grey = torch.tensor([2.0, -1.0, -1.0, 0.0]) / 6**0.5
    noise = torch.einsum("nchw,c->nhw", family.as_seen(grey, images_seen=500), red_from_grey)
    assert noise.std() == pytest.approx(0.1, rel=0.1)


def test_adaptive_augmentation_moves_with_the_step_and_is_saved():
    family = make("resnet_gan", batch_size=8, augment_target=1e-6, augment_move_kimg=0.08)
    scalars = step(family)
    assert scalars["augment_probability"] in (0.0, torch.tensor(0.1))
    assert "augment_probability" in family.state_dict()
    assert "augment_probability" not in make("resnet_gan").state_dict()


def test_classes_are_learned_from_reals_and_asked_of_fakes():
    """The auxiliary loss against cross-entropy by hand, and whose labels its gradient comes from."""
    values = {"auxiliary_weight": 3.0, "augment": "", "instance_noise": 0.0, "diversity_weight": 0.0, "r1_gamma": 0.0}
    still = {"learning_rate_generator": 0.0, "learning_rate_discriminator": 0.0}
    family = make("resnet_gan", batch_size=8, **values, **still)
    step(family)  # spectral normalisation's vectors settle a little
    reals = torch.rand(8, 4, 16, 16) * 2 - 1
    labels = torch.stack([torch.randint(size, (8,)) for size in family.data.labels.sizes], dim=1)
    seen = {}
    family.discriminator.classify.register_forward_hook(
        lambda _, inputs, classes: seen.update({len(inputs[0]): (*inputs, classes)})
    )
    scalars = family.train_step(reals, labels, 0)
    # A pass over reals and fakes together, then one over fakes.
    for name, classes in (("real", [each[:8] for each in seen[16][1]]), ("fake", seen[8][1])):
        expected = sum(
            -each.log_softmax(dim=1)[torch.arange(8), labels[:, column]].mean() for column, each in enumerate(classes)
        )
        torch.testing.assert_close(scalars[f"loss_auxiliary_{name}"], expected)
    # The classifier's gradient is that of the reals' cross-entropy alone, three times.
    features, classes = seen[16][0][:8], seen[16][1][0][:8]
    missed = classes.softmax(dim=1) - torch.nn.functional.one_hot(labels[:, 0], classes.shape[1])
    torch.testing.assert_close(family.discriminator.classify.tables[0].weight.grad, 3 * missed.T @ features / 8)


def test_without_a_weight_there_is_no_classifier():
    family = make("resnet_gan", batch_size=8, auxiliary_weight=0.0)
    assert not hasattr(family.discriminator, "classify")
    assert "loss_auxiliary_real" not in step(family)
