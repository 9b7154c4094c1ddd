"""The plain DCGAN: its networks (and those of the auxiliary classifier), its loss, its early stopping."""

import math

import pytest
import torch
from torch import nn

from src.config import load_config
from src.family import DataSpecification
from src.labels import LabelSpecification
from src.zoo.acgan import AuxiliaryClassifierDiscriminator
from src.zoo.cross_entropy import cross_entropy
from src.zoo.dcgan import DCGAN, NORMALISATIONS, DCGANDiscriminator, DCGANGenerator, SignedSigmoid
from src.zoo.early_stopping import EarlyStopping
from tests.conftest import with_optimizers


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("size", [16, 32, 64])
def test_shapes_and_range(size):
    images = DCGANGenerator(size, 4, latent_dim=12, channels=16)(torch.randn(3, 12))
    assert images.shape == (3, 4, size, size)
    assert images.abs().max() <= 1
    for normalisation in NORMALISATIONS:
        assert DCGANDiscriminator(size, 4, 4, normalisation)(images).shape == (3,)
    logits, classes = AuxiliaryClassifierDiscriminator(size, 4, (2, 5), 4)(images)
    assert logits.shape == (3,)
    assert [scores.shape for scores in classes] == [(3, 2), (3, 5)]


def test_the_default_networks_have_the_size_of_the_study_s():
    generator, discriminator = DCGANGenerator(64, 4), DCGANDiscriminator(64, 4)
    assert 5.5e6 < count(generator) < 6.5e6
    assert 0.4e6 < count(discriminator) < 0.6e6
    # Dense to 8x8x512, three doublings; three strided convolutions.
    assert generator.first.out_features == 8 * 8 * 512
    assert sum(isinstance(layer, nn.ConvTranspose2d) for layer in generator.modules()) == 3
    assert sum(isinstance(layer, nn.Conv2d) for layer in discriminator.modules()) == 3


@pytest.mark.parametrize(("size", "doublings"), [(16, 1), (32, 2)])
def test_smaller_portraits_take_fewer_transposed_convolutions(size, doublings):
    generator = DCGANGenerator(size, 4, channels=16)
    assert sum(isinstance(layer, nn.ConvTranspose2d) for layer in generator.modules()) == doublings


def test_every_parameter_gets_a_gradient():
    generator = DCGANGenerator(16, 4, latent_dim=12, channels=16)
    discriminator = AuxiliaryClassifierDiscriminator(16, 4, (2, 3), 4)
    logits, classes = discriminator(generator(torch.randn(6, 12)))
    sum([logits.sum(), *[scores[:, 0].sum() for scores in classes]]).backward()
    plain = DCGANDiscriminator(16, 4, 4)
    plain(torch.randn(6, 4, 16, 16)).sum().backward()
    for network in (generator, discriminator, plain):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            # A bias before batch normalisation gets only what rounding leaves over.
            if not name.endswith("bias"):
                assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_only_batch_normalisation_lets_portraits_see_each_other(normalisation):
    critic = DCGANDiscriminator(16, 4, 4, normalisation)
    images = torch.randn(4, 4, 16, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(critic(images)[0], images)
    others = gradient[1:].abs().max().item()
    assert gradient[0].abs().max() > 0
    assert (others > 0) == (normalisation == "batch")


def test_layer_normalisation_is_over_channels_and_places_of_one_portrait():
    layer = DCGANDiscriminator(16, 4, 4, "layer").layers[3]
    features = torch.randn(3, 8, 4, 4) * 3 + 1
    mean = features.mean(dim=(1, 2, 3), keepdim=True)
    variance = features.var(dim=(1, 2, 3), unbiased=False, keepdim=True)
    torch.testing.assert_close(layer(features), (features - mean) / (variance + 1e-5).sqrt())


def test_dropout_is_where_it_is_said_to_be():
    generator = DCGANGenerator(16, 4, latent_dim=12, channels=16, dropout=0.5)
    latents = torch.randn(4, 12)
    assert not torch.equal(generator(latents), generator(latents))
    generator.eval()
    assert torch.equal(generator(latents), generator(latents))
    discriminator = DCGANDiscriminator(16, 4, 4, dropout=0.5)
    assert [layer.p for layer in discriminator.layers if isinstance(layer, nn.Dropout)] == [0.5]
    assert isinstance(discriminator.layers[-2], nn.Dropout)


def test_batch_normalisation_normalises_each_batch_by_itself_and_remembers_none():
    for discriminator in (DCGANDiscriminator(16, 4, 4), AuxiliaryClassifierDiscriminator(16, 4, (), 4)):
        before = {name: value.clone() for name, value in discriminator.state_dict().items()}
        discriminator(torch.randn(4, 4, 16, 16) * 5 + 3)
        assert all(torch.equal(value, before[name]) for name, value in discriminator.state_dict().items())


def test_unfit_arguments_are_refused():
    with pytest.raises(ValueError, match="power of two"):
        DCGANGenerator(48, 4)
    with pytest.raises(ValueError, match="power of two"):
        DCGANDiscriminator(8, 4)
    with pytest.raises(ValueError, match="multiple of 4"):
        DCGANGenerator(64, 4, channels=18)


DATA = DataSpecification(16, 4, LabelSpecification(), 0.3)
LABELS = torch.zeros(16, 0, dtype=torch.int64)


def build(**values):
    values = {"precision": "fp32", **values}
    return with_optimizers(DCGAN(load_config("dcgan", "smoke", overrides=values), DATA, torch.device("cpu")))


def test_cross_entropy_against_its_formula():
    logits = torch.tensor([2.0, -1.0])
    for target in (1.0, 0.0, 0.9):
        expected = 0.0
        for logit in (2.0, -1.0):
            p = 1 / (1 + math.exp(-logit))
            expected -= (target * math.log(p) + (1 - target) * math.log(1 - p)) / 2
        assert cross_entropy(logits, target).item() == pytest.approx(expected, rel=1e-5)


def test_a_step_trains_both_networks_and_reports_the_losses_of_the_untrained_ones():
    # Without dropout the discriminator's answers can be worked out a second time.
    family, again = build(dropout=0.0), build(dropout=0.0)
    for name in family.networks:
        again.networks[name].load_state_dict(family.networks[name].state_dict())
    before = {name: [p.clone() for p in network.parameters()] for name, network in family.networks.items()}
    reals = torch.rand(16, 4, 16, 16) * 2 - 1
    torch.manual_seed(3)
    scalars = family.train_step(reals, LABELS, 0)
    for name, network in family.networks.items():
        assert any(not torch.equal(p, q) for p, q in zip(network.parameters(), before[name], strict=True)), name
        assert all(parameter.requires_grad for parameter in network.parameters())

    torch.manual_seed(3)
    fakes = again.generator(torch.randn(16, family.latent_dim))
    expected = -torch.log(torch.sigmoid(again.discriminator(reals))).mean()
    expected -= torch.log(1 - torch.sigmoid(again.discriminator(fakes))).mean()
    torch.testing.assert_close(scalars["loss_discriminator"], expected.detach())


def feed(stopping, losses, first=0, step=100):
    """Give one loss a step; the images seen after the step at which it stops, or None."""
    for index, loss in enumerate(losses, start=first):
        stopping.update(torch.tensor(loss), (index + 1) * step)
        if stopping.finished:
            return (index + 1) * step
    return None


def test_early_stopping_waits_its_patience_after_the_best_window():
    # Windows of 200 images have means 5, 4, 6, 6, ...: the best one ends at 400 images.
    assert feed(EarlyStopping(patience_kimg=1.0, window_kimg=0.2), [5.0, 5.0, 4.0, 4.0] + [6.0] * 30) == 1400


def test_early_stopping_looks_at_means_over_windows_not_at_single_steps():
    # Single steps of 0, first or last of their window: its mean of 5 is worse than 4.
    noisy = [4.0, 4.0] + [0.0, 10.0, 6.0, 6.0, 10.0, 0.0] * 5
    assert feed(EarlyStopping(patience_kimg=1.0, window_kimg=0.2), noisy) == 1200


def test_early_stopping_never_stops_while_the_loss_falls_or_without_patience():
    assert feed(EarlyStopping(patience_kimg=1.0, window_kimg=0.2), [100.0 - index for index in range(90)]) is None
    assert feed(EarlyStopping(patience_kimg=0.0, window_kimg=0.2), [float(index) for index in range(90)]) is None


def test_early_stopping_goes_on_from_its_saved_state_within_a_window():
    # Cut in the middle of the best window: of 1 and 7, so that either alone would make another stop.
    losses = [5.0, 5.0, 1.0, 7.0] + [4.5] * 30
    whole = feed(EarlyStopping(patience_kimg=1.0, window_kimg=0.2), losses)
    first, second = (EarlyStopping(patience_kimg=1.0, window_kimg=0.2) for _ in range(2))
    assert feed(first, losses[:3]) is None
    second.load_state_dict(first.state_dict())
    assert feed(second, losses[3:], first=3) == whole == 1400


def test_the_family_stops_by_it_and_keeps_its_state():
    family = build(patience_kimg=0.1, window_kimg=0.016)
    family.early_stopping.best = -1.0  # planted: no window will be better
    reals, seen = torch.rand(16, 4, 16, 16) * 2 - 1, 0
    while not family.finished:
        family.train_step(reals, LABELS, seen)
        seen += 16
        assert seen < 200
    assert seen == 112  # the first multiple of 16 from 100 on
    loaded = build(patience_kimg=0.1, window_kimg=0.016)
    assert not loaded.finished
    loaded.load_state_dict(family.state_dict())
    assert loaded.finished


def test_early_stopping_can_end_a_default_run_on_a_cpu_late():
    config = load_config("dcgan", "cpu")
    assert 0.8 * config.kimg < config.patience_kimg + config.window_kimg < config.kimg
    assert config.sample_kimg == 0


def test_one_learning_rate_or_two():
    def rates(**values):
        family = build(**values)
        optimizers = (family.optimizer_generator, family.optimizer_discriminator)
        return [optimizer.param_groups[0]["lr"] for optimizer in optimizers]

    assert rates(learning_rate=3e-4) == [3e-4, 3e-4]
    assert rates(learning_rate=3e-4, learning_rate_discriminator=1e-4) == [3e-4, 1e-4]


def test_a_sigmoid_ends_at_the_ends_of_the_range():
    features = torch.tensor([-20.0, 0.0, 1.0, 20.0])
    expected = torch.tensor([-1.0, 0.0, 2 / (1 + math.exp(-1)) - 1, 1.0])
    torch.testing.assert_close(SignedSigmoid()(features), expected)
    assert isinstance(build(output="sigmoid").generator.layers[-1], SignedSigmoid)
