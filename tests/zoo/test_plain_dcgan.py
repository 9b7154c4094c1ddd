"""The plain DCGAN networks and the auxiliary classifier: shapes, sizes, what each normalisation mixes."""

import pytest
import torch
from torch import nn

from src.zoo.acgan import AuxiliaryClassifierDiscriminator
from src.zoo.dcgan import NORMALISATIONS, DCGANDiscriminator, DCGANGenerator


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
    with pytest.raises(ValueError, match="batch, layer, instance, none"):
        DCGANDiscriminator(16, 4, normalisation="bach")
