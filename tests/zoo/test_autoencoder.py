"""The autoencoder: the Gaussian over its codes, its step, interpolation."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from src.config import load_config
from src.family import DataSpecification
from src.labels import LabelSpecification
from src.training.run import train
from src.zoo.autoencoder import Autoencoder, AutoencoderFamily
from tests.conftest import with_optimizers


def planted(code_dim=3):
    return Autoencoder(16, 4, code_dim, 8)


def test_running_mean_and_covariance_are_those_of_all_codes_so_weighted():
    model, decay = planted(), 0.8
    batches = [torch.randn(6, 3) * (1 + k) + k for k in range(5)]
    for batch in batches:
        model.observe(batch, decay)
    # The standard normal start as six points with mean 0 and covariance 1.
    start = np.sqrt(3) * np.concatenate([np.eye(3), -np.eye(3)])
    points = np.concatenate([start, *[batch.numpy() for batch in batches]])
    weights = np.concatenate([np.full(6, decay**5), *[np.full(6, (1 - decay) * decay ** (4 - k)) for k in range(5)]])
    mean = np.average(points, axis=0, weights=weights)
    covariance = np.cov(points.T, aweights=weights, ddof=0)
    np.testing.assert_allclose(model.code_mean.numpy(), mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.code_covariance.numpy(), covariance, rtol=1e-4, atol=1e-4)


def test_codes_for_latents_have_the_mean_and_covariance():
    model = planted()
    spread = torch.tensor([[1.0, 0.0, 0.0], [0.5, 2.0, 0.0], [-1.0, 0.3, 0.1]])
    model.code_mean.copy_(torch.tensor([1.0, -2.0, 3.0]))
    model.code_covariance.copy_(spread @ spread.T)
    torch.testing.assert_close(model.codes_for(torch.zeros(1, 3))[0], model.code_mean)
    steps = model.codes_for(torch.eye(3)) - model.code_mean  # the rows of L^T
    torch.testing.assert_close(steps.T @ steps, model.code_covariance, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("covariance", [torch.eye(3), torch.zeros(3, 3), torch.ones(3, 3)])
def test_a_covariance_without_full_rank_is_safe(covariance):
    model = planted()
    model.code_covariance.copy_(covariance)
    assert model.codes_for(torch.randn(5, 3)).isfinite().all()


def test_a_new_model_draws_standard_normal_codes():
    latents = torch.randn(4, 3)
    torch.testing.assert_close(planted().codes_for(latents), latents, rtol=1e-5, atol=1e-5)


DATA = DataSpecification(16, 4, LabelSpecification({}), 0.3)
NO_LABELS = torch.zeros(16, 0, dtype=torch.int64)


def build(**values):
    values = {"precision": "fp32", "learning_rate": 3e-3, **values}
    config = load_config("autoencoder", "smoke", overrides=values)
    return with_optimizers(AutoencoderFamily(config, DATA, torch.device("cpu")))


def squares(count):
    """Portraits with one opaque square each, at different places and in different colours."""
    images = torch.full((count, 4, 16, 16), -1.0)
    for index, image in enumerate(images):
        row, column = 2 * (index % 4), 3 * (index // 4 % 4)
        image[:3, row : row + 6, column : column + 6] = torch.rand(3, 1, 1) * 2 - 1
        image[3, row : row + 6, column : column + 6] = 1.0
    return images


def test_the_code_has_forty_numbers_and_labels_are_not_asked_for():
    family = build()
    assert family.latent_dim == 40 and not family.conditional
    assert family.sampler.encoder(torch.randn(2, 4, 16, 16)).shape == (2, 40)


def test_it_learns_to_reconstruct():
    family, reals = build(), squares(16)
    losses = [family.train_step(reals, NO_LABELS, 16 * step)["loss_reconstruction"] for step in range(150)]
    rebuilt = family.reconstruct(family.sampler, reals, NO_LABELS)
    mean_portrait = reals.mean(dim=0, keepdim=True).expand_as(reals)
    assert functional.mse_loss(rebuilt, reals) < 0.25 * functional.mse_loss(mean_portrait, reals)
    assert losses[-1] < losses[0]


def test_noise_has_the_strength_asked_for_and_zero_is_off():
    seen = []
    for denoising in (0.0, 0.5):
        family = build(denoising=denoising)
        family.autoencoder.encoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        reals = squares(16)
        torch.manual_seed(1)
        family.train_step(reals, NO_LABELS, 0)
        assert (seen[-1] - reals).std().item() == pytest.approx(denoising, abs=0.02)


def test_the_loss_is_the_error_against_the_clean_portrait():
    family, reals = build(denoising=0.5), squares(16)
    torch.manual_seed(1)
    noisy = reals + 0.5 * torch.randn_like(reals)
    with torch.no_grad():
        expected = functional.mse_loss(family.autoencoder(noisy), reals)
    torch.manual_seed(1)
    torch.testing.assert_close(family.train_step(reals, NO_LABELS, 0)["loss_reconstruction"], expected)


def test_denoising_is_shown_and_measured():
    family, reals = build(denoising=0.5), squares(8)
    for step in range(60):
        family.train_step(reals.repeat(2, 1, 1, 1), NO_LABELS, 16 * step)
    noisy, _ = family.restore(family.sampler, reals)
    assert torch.equal(noisy, family.restore(family.sampler, reals)[0])
    measured = family.validate(reals, NO_LABELS[:8], 0)
    assert measured["error_noisy_validation"].item() == pytest.approx(functional.mse_loss(noisy, reals).item())
    assert measured["error_restored_validation"] < measured["error_noisy_validation"]
    assert build().restore(family.sampler, reals) is None


def test_a_run_that_denoises_writes_what_it_restores(data_folder, tmp_path):
    values = {"denoising": 0.2, "kimg": 0.032, "batch_size": 8}
    train(data_folder, tmp_path, "autoencoder", "smoke", values, log=lambda line: None)
    with (
        Image.open(tmp_path / "samples" / "restored_000000_032.png") as shown,
        Image.open(tmp_path / "samples" / "reconstructions_000000_032.png") as rebuilt,
    ):
        assert shown.height - 2 == 3 * (rebuilt.height - 2)  # noisy, restored and original for every row


def test_a_step_takes_its_codes_into_the_gaussian():
    family, reals = build(statistics_decay=0.5), squares(16)
    with torch.no_grad():
        codes = family.autoencoder.encoder(reals)
    family.train_step(reals, NO_LABELS, 0)
    torch.testing.assert_close(family.autoencoder.code_mean, codes.mean(dim=0) / 2)


def test_draw_decodes_the_gaussian():
    family = build()
    family.autoencoder.code_mean.fill_(2.0)
    latents = torch.randn(3, 40)
    with torch.no_grad():
        expected = family.autoencoder.decoder(latents + 2)
    torch.testing.assert_close(family.sample(family.sampler, latents, NO_LABELS[:3]), expected, rtol=1e-4, atol=1e-4)
