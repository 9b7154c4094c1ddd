"""The diffusion family: what it learns from, how labels are dropped, how it samples."""

import pytest
import torch

from src.config import load_config
from src.errors import InputError
from src.family import DataSpecification
from src.labels import LabelSpecification
from src.pyramid.augmentation_labels import no_change
from src.zoo.diffusion import Diffusion
from tests.conftest import SPECIFICATION, with_optimizers

CPU = torch.device("cpu")


def make(labels=SPECIFICATION, **values):
    values = {"precision": "fp32", "base_channels": 8, "diffusion_steps": 20, **values}
    config = load_config("diffusion", "smoke", overrides=values)
    return with_optimizers(Diffusion(config, DataSpecification(16, 4, labels, 0.3), CPU))


def batch(count=16):
    labels = torch.stack([torch.arange(count) % classes for classes in SPECIFICATION.sizes], dim=1)
    return torch.rand(count, 4, 16, 16) * 2 - 1, labels


def awake(family):
    """The network in evaluation mode with weights where it begins at zero."""
    for parameter in family.network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return family.network.eval()


class Recorder(torch.nn.Module):
    """Stands in for the network: keeps what it is given and predicts a constant."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.calls = []

    def forward(self, noisy, steps, labels, labelled=None, changes=None):
        self.calls.append((noisy, steps, labels, labelled, changes))
        return self.weight.expand_as(noisy)


@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_the_loss_is_the_squared_error_of_the_prediction(prediction):
    family = make(prediction=prediction)
    family.network = Recorder()
    reals, labels = batch()
    loss = family.denoising_loss(reals, labels, torch.ones(16, dtype=torch.bool), None)
    noisy, steps, *_ = family.network.calls[0]
    epsilon = family.schedule.to_epsilon(reals, noisy, steps)
    target = epsilon
    if prediction == "v":
        signal, noise = family.schedule.signal_and_noise(steps)
        target = signal * epsilon - noise * reals
    assert loss.item() == pytest.approx(target.square().mean().item(), rel=1e-3)
    assert epsilon.std().item() == pytest.approx(1, abs=0.05)


def test_labels_are_dropped_as_often_as_stated():
    family = make(label_dropout=0.3)
    family.network = Recorder()
    reals, labels = batch()
    for step in range(200):
        family.train_step(reals, labels, 16 * step)
    labelled = torch.cat([call[3] for call in family.network.calls])
    # One flag a portrait: all its attributes go together. 3,200 coins: five standard errors are 0.04.
    assert labelled.shape == (3200,)
    assert 1 - labelled.float().mean().item() == pytest.approx(0.3, abs=0.04)


def test_flips_only_where_asked_for():
    reals, labels = batch()
    seen = {}
    for probability in (0.0, 1.0):
        family = make(flip_probability=probability)
        family.network = Recorder()
        family.schedule = type(family.schedule)(torch.ones(20))  # no noise: the network sees the portraits
        family.train_step(reals, labels, 0)
        seen[probability] = family.network.calls[0][0]
    assert torch.equal(seen[0.0], reals)
    assert torch.equal(seen[1.0], reals.flip(3))


def test_the_network_gets_augmentation_labels():
    family = make(augmentation_labels=True, label_dropout=1.0)
    family.network = Recorder()
    family.schedule = type(family.schedule)(torch.ones(20))  # no noise: the network sees the portraits
    reals, labels = batch()
    family.train_step(reals, labels, 0)
    seen, _, _, labelled, changes = family.network.calls[0]
    # Also where the labels are withheld.
    assert not labelled.any() and changes.shape == (16, 3)
    as_they_are = (changes == no_change(16, 16, CPU)).all(dim=1)
    assert 0 < as_they_are.sum() < 16
    assert torch.equal(seen[as_they_are], reals[as_they_are])
    mirrored = (changes == torch.tensor([1, 1, 1])).all(dim=1)
    assert torch.equal(seen[mirrored], reals[mirrored].flip(3))


def test_drawing_and_watching_ask_for_portraits_as_they_are():
    for weight in (1.0, 2.0):
        family = make(augmentation_labels=True, guidance_weight=weight, ddim_steps=2)
        recorder = family.network = Recorder()
        reals, labels = batch(4)
        family.sample(recorder, torch.randn(4, family.latent_dim), labels)
        family.validate(reals, labels, 0)
        assert len(recorder.calls) == 3
        for noisy, *_, changes in recorder.calls:
            assert torch.equal(changes, no_change(len(noisy), 16, CPU))


def test_augmentation_labels_matter():
    network = awake(make(augmentation_labels=True))
    noisy, steps, labels = torch.randn(2, 4, 16, 16), torch.full((2,), 5), batch(2)[1]
    with torch.no_grad():
        as_it_is, mirrored = (
            network(noisy, steps, labels, changes=torch.tensor([[flipped, 1, 1]] * 2)) for flipped in (0, 1)
        )
    assert (as_it_is - mirrored).abs().max() > 1e-3


def test_exact_colours_by_the_last_step():
    latents, labels = torch.randn(3, 4 * 16 * 16), batch(3)[1]
    raw, exact = (make(colour_distance=distance, colours=5, ddim_steps=4) for distance in (0.0, 0.1))
    exact.network.load_state_dict(awake(raw).state_dict())
    sampled = exact.sample(exact.network.eval(), latents, labels)
    for as_it_comes, portrait in zip(raw.sample(raw.network, latents, labels), sampled, strict=True):
        opaque = portrait[3] > 0
        assert len(torch.unique(as_it_comes[:3].flatten(1), dim=1).T) > 100
        assert len(torch.unique(portrait[:3, opaque], dim=1).T) <= 5
        assert set(portrait[3].unique().tolist()) <= {-1.0, 1.0} and (portrait[:3, ~opaque] == -1).all()


def test_the_loss_falls_on_one_batch():
    family = make(warmup_kimg=0.1, dropout=0.0, learning_rate=3e-3)
    reals, labels = batch()
    # Portraits of one colour each can be told from noise at once.
    reals = reals[:, :, :1, :1].expand_as(reals)
    losses = [family.train_step(reals, labels, 16 * step)["loss_denoising"].item() for step in range(150)]
    assert sum(losses[-10:]) / 10 < 0.5 * sum(losses[:5]) / 5


def test_guidance_one_asks_once_and_is_the_conditional_prediction():
    family = make(guidance_weight=1.0)
    recorder = Recorder()
    noisy, labels = torch.randn(4, 4, 16, 16), batch(4)[1]
    family.denoise(recorder, noisy, torch.full((4,), 5), labels)
    assert len(recorder.calls) == 1 and len(recorder.calls[0][0]) == 4 and recorder.calls[0][3] is None


@pytest.mark.parametrize("weight", [0.0, 1.0, 2.5])
def test_guidance_against_separate_calls(weight):
    family = make(guidance_weight=weight)
    network = awake(family)
    noisy, steps, labels = torch.randn(4, 4, 16, 16), torch.full((4,), 5), batch(4)[1]
    with torch.no_grad():
        conditional = network(noisy, steps, labels)
        unconditional = network(noisy, steps, labels, torch.zeros(4, dtype=torch.bool))
        seen = family.denoise(network, noisy, steps, labels)
    assert (conditional - unconditional).abs().max() > 1e-3
    predicted = unconditional + weight * (conditional - unconditional)
    expected = family.schedule.to_x0("v", predicted, noisy, steps).clamp(-1, 1)
    torch.testing.assert_close(seen, expected, rtol=0, atol=1e-4)


def test_without_attributes_there_is_nothing_to_guide():
    family = make(labels=LabelSpecification({}), guidance_weight=3.0)
    recorder = Recorder()
    family.denoise(recorder, torch.randn(4, 4, 16, 16), torch.full((4,), 5), torch.zeros(4, 0, dtype=torch.int64))
    assert len(recorder.calls) == 1 and len(recorder.calls[0][0]) == 4


@pytest.mark.parametrize("sampler", ["ddim", "dpm", "ddpm"])
@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_a_portrait_does_not_depend_on_the_others(sampler, prediction):
    family = make(sampler=sampler, prediction=prediction, ddim_steps=5)
    network = awake(family)
    latents, labels = torch.randn(6, family.latent_dim), batch(6)[1]
    sampled = family.sample(network, latents, labels)
    torch.manual_seed(99)
    assert torch.equal(sampled, family.sample(network, latents, labels))
    alone = family.sample(network, latents[4:5], labels[4:5])
    # Epsilon at nearly pure noise is divided by nearly no signal: the last bits grow before they are cut off.
    torch.testing.assert_close(sampled[4:5], alone, rtol=0, atol=1e-3)
    assert (sampled[0] - sampled[2]).abs().max() > 1e-2
    assert sampled.abs().max() <= 1


def test_chunks_change_nothing(monkeypatch):
    family = make(ddim_steps=3)
    network = awake(family)
    latents, labels = torch.randn(5, family.latent_dim), batch(5)[1]
    whole = family.sample(network, latents, labels)
    monkeypatch.setattr("src.zoo.diffusion.CHUNK", 2)
    torch.testing.assert_close(family.sample(network, latents, labels), whole, rtol=0, atol=1e-4)


def test_labels_matter_after_a_few_steps():
    family = make(warmup_kimg=0.01, label_dropout=0.0)
    reals, labels = batch()
    for step in range(5):
        family.train_step(reals, labels, 16 * step)
    network = family.network.eval()
    latents = torch.randn(4, family.latent_dim)
    sampled = [family.sample(network, latents, torch.full((4, 3), label)) for label in (0, 1)]
    assert (sampled[0] - sampled[1]).abs().max() > 1e-4


def test_the_learning_rate_rises_and_stays():
    family = make(warmup_kimg=1.0, learning_rate=1e-3)
    assert family.learning_rate(0) == pytest.approx(1e-3 * 16 / 1000)
    assert family.learning_rate(484) == pytest.approx(5e-4)
    assert family.learning_rate(50_000) == pytest.approx(1e-3)
    family.train_step(*batch(), 484)
    assert family.optimizer.param_groups[0]["lr"] == pytest.approx(5e-4)


def test_unknown_words_and_shares_are_refused():
    for values, message in (
        ({"sampler": "euler"}, "ddim, dpm, ddpm"),
        ({"prediction": "x0"}, "epsilon, v"),
        ({"schedule": "sigmoid"}, "linear, cosine"),
        ({"label_dropout": 1.5}, "label_dropout"),
    ):
        with pytest.raises(InputError, match=message):
            make(**values)
