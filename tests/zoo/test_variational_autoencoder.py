"""The conditional VAE's networks."""

import pytest
import torch

from src.zoo.vae import VariationalAutoencoder


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
