"""The plain DCGAN: its loss and its early stopping."""

import math

import pytest
import torch

from src.config import load_config
from src.family import DataSpecification
from src.gan.losses import cross_entropy
from src.labels import LabelSpecification
from src.zoo.dcgan import DCGAN, EarlyStopping
from tests.conftest import with_optimizers

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


def test_no_default_run_on_a_cpu_is_cut_short():
    config = load_config("dcgan", "cpu")
    assert config.kimg < config.patience_kimg
    assert config.sample_kimg == 0
