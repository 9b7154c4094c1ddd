"""The VQ-VAE family: what its step teaches whom, and drawing from the prior. The contract is in test_contract.py."""

import copy

import pytest
import torch
from torch.nn import functional

from src.config import load_config
from src.errors import InputError
from src.family import DataSpecification
from src.zoo.vqvae import VQVAE
from tests.conftest import SPECIFICATION, with_optimizers


def build(size=16, **values):
    config = load_config("vqvae", "smoke", overrides={"precision": "fp32", **values})
    return with_optimizers(VQVAE(config, DataSpecification(size, 4, SPECIFICATION, 0.3), torch.device("cpu")))


def labels_for(count):
    return torch.stack([torch.arange(count) % classes for classes in SPECIFICATION.sizes], dim=1)


def squares(count):
    """An opaque square each, left or right by the first label."""
    images = torch.full((count, 4, 16, 16), -1.0)
    for index, image in enumerate(images):
        column = 8 * (index % 2)
        image[:, 4:12, column : column + 8] = 1.0
        image[index % 3, 4:12, column : column + 8] = -0.5
    return images


@pytest.mark.parametrize(("size", "asked", "side"), [(16, 8, 4), (32, 8, 8), (64, 8, 8), (64, 16, 16)])
def test_codes_a_side(size, asked, side):
    family = build(size, code_side=asked)
    assert family.latent_dim == side * side
    assert family.model.encode(torch.randn(1, 4, size, size)).shape == (1, side, side, 8)


def test_the_autoencoder_s_gradients_are_those_of_reconstruction_and_commitment():
    family = build(commitment_weight=0.4)
    reals, model = squares(16), family.model
    vectors = model.encode(reals)
    quantised = model.quantiser.lookup(model.quantiser.nearest(vectors)).detach()
    rebuilt = model.decode(vectors + (quantised - vectors).detach())
    loss = functional.mse_loss(rebuilt, reals) + 0.4 * functional.mse_loss(vectors, quantised)
    parameters = [*model.encoder.parameters(), *model.decoder.parameters()]
    expected = torch.autograd.grad(loss, parameters)
    codebook = model.quantiser.codebook.clone()
    family.train_step(reals, labels_for(16), 0)
    for parameter, gradient in zip(parameters, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)
    assert not torch.equal(codebook, model.quantiser.codebook)


def test_the_prior_teaches_the_autoencoder_nothing():
    """With and without it, encoder, codebook and decoder learn the same bits."""
    families = [build(prior=True, prior_dropout=0.0), build(prior=False)]
    shared = {k: v for k, v in families[0].model.state_dict().items() if not k.startswith("prior.")}
    families[1].model.load_state_dict(shared)
    for family in families:
        for step in range(3):
            torch.manual_seed(step)
            family.train_step(squares(16), labels_for(16), 16 * step)
    for name, value in families[1].model.state_dict().items():
        assert torch.equal(value, families[0].model.state_dict()[name]), name


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    family = build(base_channels=16, learning_rate=3e-3, learning_rate_prior=1e-2)
    for step in range(250):
        torch.manual_seed(step)
        family.train_step(squares(12), labels_for(12), 12 * step)
    family.sampler.eval()
    return family


def test_it_reconstructs_what_it_has_learnt(trained):
    rebuilt = trained.reconstruct(trained.sampler, squares(6), labels_for(6))
    assert functional.mse_loss(rebuilt, squares(6)) < 0.05


def test_samples_of_the_prior_obey_their_labels_and_beat_random_codes(trained):
    """The labels of 24 squares say all of a portrait; a draw comes close to the portrait of its labels."""
    labels, latents = labels_for(24), torch.randn(24, trained.latent_dim)
    sampled = trained.sample(trained.sampler, latents, labels)
    random = trained.sample_random_codes(trained.sampler, latents)
    assert functional.mse_loss(sampled, squares(24)) < 0.5 * functional.mse_loss(random, squares(24))


def test_random_codes_use_the_whole_codebook_alike():
    family = build()
    seen = []
    family.model.decode_codes = lambda codes: seen.append(codes)
    family.sample_random_codes(family.model, torch.randn(500, family.latent_dim))
    shares = torch.bincount(seen[0].flatten(), minlength=32) / seen[0].numel()
    assert (shares - 1 / 32).abs().max() < 0.008  # four standard deviations


def test_a_draw_does_not_depend_on_its_batch(trained):
    labels, latents = labels_for(8), torch.randn(8, trained.latent_dim)
    together = trained.sample(trained.sampler, latents, labels)
    alone = torch.cat([trained.sample(trained.sampler, latents[i : i + 1], labels[i : i + 1]) for i in range(8)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_without_its_prior_it_says_that_it_cannot_draw():
    family = build(prior=False)
    scalars = family.train_step(squares(16), labels_for(16), 0)
    assert "loss_prior" not in scalars and set(family.networks) == {"encoder", "decoder"}
    assert "cannot draw" in family.cannot_sample and "prior=true" in family.cannot_sample
    with pytest.raises(InputError, match="prior=true"):
        family.sample(family.sampler, torch.randn(1, family.latent_dim), labels_for(1))
    assert family.reconstruct(family.sampler, squares(2), labels_for(2)).shape == (2, 4, 16, 16)
    assert build().cannot_sample == ""


def test_state_without_a_prior_resumes():
    family, other = build(prior=False), build(prior=False)
    family.train_step(squares(16), labels_for(16), 0)
    other.load_state_dict(copy.deepcopy(family.state_dict()))
    for each in (family, other):
        torch.manual_seed(1)
        each.train_step(squares(16), labels_for(16), 16)
    for name, value in family.model.state_dict().items():
        assert torch.equal(value, other.model.state_dict()[name]), name
