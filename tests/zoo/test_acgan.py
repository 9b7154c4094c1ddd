"""The auxiliary classifier GAN: its classification loss, what each network gets of it, data without labels."""

import math

import pytest
import torch
from torch.nn import functional

from src.config import load_config
from src.errors import InputError
from src.family import DataSpecification
from src.gan.penalties import diversity_loss
from src.labels import LabelSpecification
from src.zoo.acgan import ACGAN, auxiliary_loss
from tests.conftest import SPECIFICATION, with_optimizers

REALS = torch.rand(16, 4, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1
LABELS = torch.stack([torch.arange(16) % count for count in SPECIFICATION.sizes], dim=1)


def build(specification=SPECIFICATION, **values):
    torch.manual_seed(0)
    values = {"precision": "fp32", "dropout": 0.0, "augment": "", "diversity_weight": 0.0, **values}
    config = load_config("acgan", "smoke", overrides=values)
    return with_optimizers(ACGAN(config, DataSpecification(16, 4, specification, 0.3), torch.device("cpu")))


def test_the_auxiliary_loss_is_summed_over_the_attributes():
    classes = [torch.randn(4, 2), torch.randn(4, 3)]
    labels = torch.tensor([[0, 2], [1, 0], [1, 1], [0, 2]])
    expected = functional.cross_entropy(classes[0], labels[:, 0]) + functional.cross_entropy(classes[1], labels[:, 1])
    torch.testing.assert_close(auxiliary_loss(classes, labels), expected)
    # By hand, for one portrait of one attribute.
    scores = torch.tensor([[1.0, -1.0, 0.5]])
    by_hand = math.log(math.exp(1) + math.exp(-1) + math.exp(0.5)) - 0.5
    assert auxiliary_loss([scores], torch.tensor([[2]])).item() == pytest.approx(by_hand, rel=1e-5)


def test_a_step_reports_the_losses_of_the_untrained_networks():
    family, again = build(real_target=0.8), build(real_target=0.8)
    torch.manual_seed(3)
    scalars = family.train_step(REALS, LABELS, 0)
    torch.manual_seed(3)
    fakes = again.generator(torch.randn(16, family.latent_dim), LABELS).detach()
    real_logits, real_classes = again.discriminator(REALS)
    fake_logits, fake_classes = again.discriminator(fakes)
    p = torch.sigmoid(real_logits)
    expected = -(0.8 * p.log() + 0.2 * (1 - p).log()).mean() - (1 - torch.sigmoid(fake_logits)).log().mean()
    torch.testing.assert_close(scalars["loss_discriminator"], expected.detach())
    for name, classes in (("real", real_classes), ("fake", fake_classes)):
        expected = sum(functional.cross_entropy(logits, LABELS[:, a]) for a, logits in enumerate(classes))
        torch.testing.assert_close(scalars[f"loss_auxiliary_{name}"], expected.detach())


def test_samples_of_one_label_are_compared_for_the_diversity_loss():
    family, again = build(diversity_weight=5.0), build(diversity_weight=5.0)
    torch.manual_seed(3)
    scalars = family.train_step(REALS, LABELS, 0)
    torch.manual_seed(3)
    fakes = again.generator(torch.randn(16, family.latent_dim), LABELS[:8].repeat(2, 1)).detach()
    torch.testing.assert_close(scalars["diversity_loss"], diversity_loss(fakes, 0.3))
    # Its gradient is in G's step: with a weight of nothing G ends elsewhere.
    torch.manual_seed(3)
    again.config = again.config.model_copy(update={"diversity_weight": 1e-9})
    again.train_step(REALS, LABELS, 0)
    pairs = zip(family.generator.parameters(), again.generator.parameters(), strict=True)
    assert any(not torch.equal(p, q) for p, q in pairs)


def test_what_the_discriminator_sees_is_augmented():
    seen = []
    family = build(augment="cutout", augment_probability=0.8)
    family.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    family.train_step(REALS.abs(), LABELS, 0)
    assert len(seen) == 3 and all((images == -1).any() for images in seen)


def test_each_network_has_its_own_learning_rate():
    family = build(learning_rate_generator=0.0, learning_rate_discriminator=1e-3)
    generator = [p.clone() for p in family.generator.parameters()]
    discriminator = [p.clone() for p in family.discriminator.parameters()]
    family.train_step(REALS, LABELS, 0)
    assert all(torch.equal(p, q) for p, q in zip(family.generator.parameters(), generator, strict=True))
    assert any(not torch.equal(p, q) for p, q in zip(family.discriminator.parameters(), discriminator, strict=True))


def test_the_classifiers_learn_from_reals():
    # Every attribute is written into the portraits' corners: a classifier that learns finds it.
    reals = REALS.clone() * 0.1
    for attribute in range(3):
        value = LABELS[:, attribute].float() - 1
        reals[:, attribute, :8, :8] = value[:, None, None]
    family = build(learning_rate_discriminator=2e-3, auxiliary_weight=1.0)
    first = family.train_step(reals, LABELS, 0)
    for step in range(1, 60):
        last = family.train_step(reals, LABELS, step * 16)
    assert last["loss_auxiliary_real"] < 0.2 * first["loss_auxiliary_real"]
    validated = family.validate(reals, LABELS, 0)
    assert {name for name in validated if name.startswith("accuracy")} == {
        "accuracy_validation_gender",
        "accuracy_validation_hero_class",
        "accuracy_validation_palette",
    }
    for name in SPECIFICATION.names:
        assert validated[f"accuracy_validation_{name}"] == 1


def test_the_generator_learns_to_be_recognised():
    losses, moved = {}, {}
    for weight in (0.0, 1.0):
        family = build(auxiliary_weight=weight, learning_rate_discriminator=0.0, learning_rate_generator=2e-3)
        with torch.no_grad():
            family.discriminator.real_or_fake.weight.zero_()  # nothing else to learn from
        before = family.generator.first.weight.clone()
        losses[weight] = [
            family.train_step(REALS, LABELS, step * 16)["loss_auxiliary_fake"].item() for step in range(30)
        ]
        moved[weight] = not torch.equal(family.generator.first.weight, before)
    assert moved == {0.0: False, 1.0: True}
    assert losses[1.0][-1] < losses[1.0][0] - 0.1


def test_the_accuracy_is_the_share_named_rightly():
    family = build()
    with torch.no_grad():
        for classifier in family.discriminator.classifiers:
            classifier.weight.zero_()
            classifier.bias.copy_(-torch.arange(len(classifier.bias), dtype=torch.float32))  # always class 0
    validated = family.validate(REALS, LABELS, 0)
    for column, name in enumerate(SPECIFICATION.names):
        assert validated[f"accuracy_validation_{name}"].item() == pytest.approx((LABELS[:, column] == 0).float().mean())
    assert family.discriminator.training


def test_without_the_auxiliary_weight_the_classifiers_learn_nothing():
    family = build(auxiliary_weight=0.0)
    before = [p.clone() for p in family.discriminator.classifiers.parameters()]
    family.train_step(REALS, LABELS, 0)
    assert all(torch.equal(p, q) for p, q in zip(family.discriminator.classifiers.parameters(), before, strict=True))


def test_data_without_attributes_make_a_plain_dcgan():
    family = build(LabelSpecification())
    labels = torch.zeros(16, 0, dtype=torch.int64)
    scalars = family.train_step(REALS, labels, 0)
    assert len(family.discriminator.classifiers) == 0
    assert scalars["loss_auxiliary_real"] == 0
    assert torch.isfinite(scalars["loss_generator"])
    assert set(family.validate(REALS, labels, 0)) == {"logit_validation"}


def test_a_soft_label_below_a_half_is_refused():
    with pytest.raises(InputError, match="real_target"):
        build(real_target=0.3)
