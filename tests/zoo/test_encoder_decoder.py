"""The convolutional encoder and decoder."""

import pytest
import torch

from src.zoo.encoder_decoder import ConvolutionalDecoder, ConvolutionalEncoder, ResidualBlock


@pytest.mark.parametrize(("size", "side", "channels"), [(16, 4, 16), (32, 4, 32), (64, 4, 64), (64, 8, 32), (16, 8, 8)])
def test_shapes_mirror_each_other(size, side, channels):
    encoder, decoder = ConvolutionalEncoder(size, 4, side, 8), ConvolutionalDecoder(size, 4, side, 8)
    features = encoder(torch.randn(2, 4, size, size))
    assert features.shape == (2, channels, side, side)
    assert encoder.channels == decoder.channels == channels
    assert decoder(features).shape == (2, 4, size, size)


def test_every_parameter_gets_a_gradient():
    network = torch.nn.Sequential(ConvolutionalEncoder(16, 4, 4, 8), ConvolutionalDecoder(16, 4, 4, 8))
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, ResidualBlock):  # at the start the zeros of its last layer stop the gradients
                module.conv_2.weight.normal_(std=0.1)
    network(torch.randn(2, 4, 16, 16)).square().sum().backward()
    for name, parameter in network.named_parameters():
        # A bias before normalisation gets only what rounding leaves over.
        assert parameter.grad is not None and (name.endswith("bias") or parameter.grad.abs().max() > 0), name


def test_a_residual_block_starts_as_the_identity():
    features = torch.randn(2, 8, 4, 4)
    assert torch.equal(ResidualBlock(8)(features), features)


def test_a_portrait_is_treated_by_itself_and_alike_in_training_and_evaluation():
    encoder = ConvolutionalEncoder(16, 4, 4, 8)
    images = torch.randn(4, 4, 16, 16)
    together = encoder(images)
    torch.testing.assert_close(encoder(images[1:2]), together[1:2])
    torch.testing.assert_close(encoder.eval()(images), together)


@pytest.mark.parametrize("values", [(48, 4, 8), (16, 16, 8), (16, 3, 8), (16, 4, 12)])
def test_sides_and_widths_that_do_not_fit_are_refused(values):
    size, side, base_channels = values
    with pytest.raises(ValueError, match="must be"):
        ConvolutionalEncoder(size, 4, side, base_channels)
