"""The Gaussian over an autoencoder's codes."""

import numpy as np
import pytest
import torch

from src.zoo.autoencoder import Autoencoder


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
