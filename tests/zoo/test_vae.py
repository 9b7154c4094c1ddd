"""The VAE: its networks, and the two terms of its bound."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional

from src.config import load_config
from src.errors import InputError
from src.family import DataSpecification
from src.zoo.vae import VAE, VariationalAutoencoder, divergence, reconstruction_bce, reconstruction_mse, reparameterise
from tests.conftest import SPECIFICATION, with_optimizers


@pytest.mark.parametrize("size", [16, 32, 64])
def test_shapes(size):
    model = VariationalAutoencoder(size, 4, (2, 3), latent_dim=5, base_channels=8, embedding_dim=8)
    labels = torch.tensor([[0, 1], [1, 2]])
    mean, log_variance = model.encoder(torch.randn(2, 4, size, size), labels)
    assert mean.shape == log_variance.shape == (2, 5)
    assert model.decoder(mean, labels).shape == (2, 4, size, size)


@pytest.mark.parametrize("attribute", [0, 1])
def test_each_label_reaches_encoder_and_decoder(attribute):
    model = VariationalAutoencoder(16, 4, (2, 3), latent_dim=5, base_channels=8, embedding_dim=8)
    images, latents, labels = torch.randn(3, 4, 16, 16), torch.randn(3, 5), torch.zeros(3, 2, dtype=torch.int64)
    other = labels.clone()
    other[:, attribute] = 1
    for part in range(2):
        assert (model.encoder(images, labels)[part] - model.encoder(images, other)[part]).abs().max() > 1e-3
    assert (model.decoder(latents, labels) - model.decoder(latents, other)).abs().amax(dim=(1, 2, 3)).min() > 1e-4


DATA = DataSpecification(16, 4, SPECIFICATION, 0.3)


def build(**values):
    config = load_config("vae", "smoke", overrides={"precision": "fp32", **values})
    return with_optimizers(VAE(config, DATA, torch.device("cpu")))


def batch(count=16):
    return torch.rand(count, 4, 16, 16) * 2 - 1, torch.zeros(count, 3, dtype=torch.int64)


def test_divergence_against_torch_distributions():
    mean, log_variance = torch.randn(5, 7), torch.randn(5, 7)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(divergence(mean, log_variance), expected)
    assert divergence(torch.zeros(1, 1), torch.zeros(1, 1)).item() == 0


def test_latents_have_the_mean_and_deviation_asked_for():
    latents = reparameterise(torch.full((40_000,), 3.0), torch.full((40_000,), 2.0).log() * 2)
    assert latents.mean().item() == pytest.approx(3, abs=0.04)  # four standard deviations
    assert latents.std().item() == pytest.approx(2, abs=0.03)


def test_errors_are_summed_over_pixels_and_averaged_over_the_batch():
    outputs, reals = torch.randn(3, 4, 8, 8), torch.rand(3, 4, 8, 8) * 2 - 1
    squared = sum(((outputs[i].tanh() - reals[i]) ** 2).sum() for i in range(3)) / 3
    torch.testing.assert_close(reconstruction_mse(outputs, reals), squared)
    entropy = functional.binary_cross_entropy((outputs.tanh() + 1) / 2, (reals + 1) / 2, reduction="sum") / 3
    torch.testing.assert_close(reconstruction_bce(outputs, reals), entropy, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("images_seen", "weight"), [(0, 0.0), (1000, 0.125), (2000, 0.25), (4000, 0.5), (9000, 0.5)])
def test_the_divergence_weight_warms_up_linearly(images_seen, weight):
    assert build(kl_weight=0.5, kl_warmup_kimg=4.0).divergence_weight(images_seen) == pytest.approx(weight)


def test_without_warm_up_the_weight_is_constant():
    assert build(kl_weight=0.5, kl_warmup_kimg=0.0).divergence_weight(0) == 0.5


@pytest.mark.parametrize("name", ["mse", "bce"])
def test_gradients_follow_the_weighted_bound(name):
    """The step's gradients are those of reconstruction + weight * divergence, put together here once more."""
    family = build(reconstruction_loss=name, kl_weight=0.7, kl_warmup_kimg=0.0)
    reals, labels = batch()
    model = family.autoencoder
    torch.manual_seed(5)
    mean, log_variance = model.encoder(reals, labels)
    outputs = model.decoder(mean + (log_variance / 2).exp() * torch.randn_like(mean), labels)
    error = {"mse": reconstruction_mse, "bce": reconstruction_bce}[name](outputs, reals)
    posterior = Normal(mean, (log_variance / 2).exp())
    bound = error + 0.7 * kl_divergence(posterior, Normal(0.0, 1.0)).sum(dim=1).mean()
    expected = torch.autograd.grad(bound, list(model.parameters()), allow_unused=True)
    torch.manual_seed(5)
    scalars = family.train_step(reals, labels, 0)
    torch.testing.assert_close(scalars["loss_reconstruction"], error.detach())
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-2)


def test_active_units_count_latents_whose_mean_varies():
    family = build()
    reals, labels = batch()
    with torch.no_grad():
        family.autoencoder.encoder.head.weight[:13] = 0  # of 16 latents, 3 still follow the portrait
        family.autoencoder.encoder.head.weight[13:16] *= 100
    assert family.train_step(reals, labels, 0)["active_units"].item() == 3


def test_a_heavy_divergence_gives_the_latents_up_and_a_light_one_uses_them():
    active = []
    for kl_weight in (0.0, 1000.0):
        torch.manual_seed(0)
        family = build(kl_weight=kl_weight, kl_warmup_kimg=0.0, learning_rate=3e-3)
        reals, labels = batch()
        active.append([family.train_step(reals, labels, 16 * step) for step in range(60)][-1]["active_units"].item())
    assert active[0] > 8 and active[1] <= 1, active


def test_reconstructions_use_the_mean_and_draw_no_noise():
    family = build()
    reals, labels = batch(3)
    first, second = (family.reconstruct(family.sampler, reals, labels) for _ in range(2))
    assert torch.equal(first, second)
    mean, _ = family.autoencoder.encoder(reals, labels)
    torch.testing.assert_close(family.sample(family.sampler, mean.detach(), labels), first)


def test_an_unknown_reconstruction_loss_is_refused():
    with pytest.raises(InputError, match="choose one of: mse, bce"):
        build(reconstruction_loss="l1")
