"""The U-Net's shapes, its conditions, and how it begins."""

import math

import pytest
import torch

from src.zoo.unet import SelfAttention, UNet, sinusoidal_embedding

CLASS_COUNTS = (2, 3)


def build(size=16, class_counts=CLASS_COUNTS, woken=True, **values):
    """A tiny U-Net; `woken`: the layers that begin at zero get weights, so that something comes out."""
    network = UNet(size, 4, class_counts, **{"base_channels": 8, **values}).eval()
    if woken:
        for parameter in network.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.1)
    return network


def inputs(size=16, count=2):
    labels = torch.stack([torch.arange(count) % classes for classes in CLASS_COUNTS], dim=1)
    return torch.randn(count, 4, size, size), torch.arange(count) * 300, labels


@pytest.mark.parametrize("finest_side", [8, 32, 64])
@pytest.mark.parametrize("size", [16, 32, 64])
def test_shapes_and_zero_before_training(size, finest_side):
    network = build(size, woken=False, finest_side=finest_side, blocks_per_side=2)
    predicted = network(*inputs(size))
    assert predicted.shape == (2, 4, size, size)
    assert not predicted.any()


@pytest.mark.parametrize("size", [16, 64])
def test_every_parameter_gets_a_gradient(size):
    network = build(size)
    noisy, steps, labels = inputs(size, count=6)
    network(noisy, steps, labels).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        # A softmax does not feel a shift of all its scores: the bias of a key gets only what rounding leaves over.
        assert parameter.grad.abs().max() > 0, name


def test_the_finest_side_is_the_largest_that_is_convolved():
    network = build(64, finest_side=32)
    sides = []
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda layer, given, made: sides.append(made.shape[-1]))
    network(*inputs(64))
    assert set(sides) == {32, 16, 8, 4}


@pytest.mark.parametrize("attribute", range(len(CLASS_COUNTS)))
def test_each_label_changes_the_prediction(attribute):
    network = build()
    noisy, steps, labels = inputs()
    other = labels.clone()
    other[:, attribute] = (other[:, attribute] + 1) % CLASS_COUNTS[attribute]
    change = network(noisy, steps, labels) - network(noisy, steps, other)
    assert change.abs().amax(dim=(1, 2, 3)).min() > 1e-3


def test_without_labels_no_label_changes_the_prediction():
    network = build()
    noisy, steps, labels = inputs()
    labelled = torch.tensor([True, False])
    predicted, other = (network(noisy, steps, some, labelled) for some in (labels, (labels + 1) % 2))
    assert (predicted[0] - other[0]).abs().max() > 1e-3
    assert torch.equal(predicted[1], other[1])
    torch.testing.assert_close(predicted[0], network(noisy, steps, labels)[0])


def test_the_step_changes_the_prediction():
    network = build()
    noisy, _, labels = inputs()
    first, second = (network(noisy, torch.full((2,), step), labels) for step in (400, 401))
    assert (first - second).abs().max() > 1e-5


def test_embedding_of_steps():
    embedding = sinusoidal_embedding(torch.arange(1000), 64)
    assert embedding.shape == (1000, 64)
    assert embedding[7, 0].item() == pytest.approx(math.cos(7))
    assert embedding[7, 33].item() == pytest.approx(math.sin(7 * 10000 ** (-1 / 32)), rel=1e-4)
    # No two steps are alike.
    distances = torch.cdist(embedding, embedding) + 10 * torch.eye(1000)
    assert distances.min() > 0.1


def test_attention_against_its_formula():
    attention = SelfAttention(64)
    torch.nn.init.normal_(attention.output.weight, std=0.1)
    features = torch.randn(2, 64, 3, 3)
    joint = attention.query_key_value(attention.norm(features)).flatten(2)
    query, key, value = joint.chunk(3, dim=1)
    heads = []
    for q, k, v in zip(query.chunk(4, dim=1), key.chunk(4, dim=1), value.chunk(4, dim=1), strict=True):
        weights = torch.softmax(q.transpose(1, 2) @ k / math.sqrt(16), dim=2)
        heads.append(v @ weights.transpose(1, 2))
    expected = features + attention.output(torch.cat(heads, dim=1).unflatten(2, (3, 3)))
    torch.testing.assert_close(attention(features), expected, rtol=1e-4, atol=1e-5)


def test_dropout_is_on_in_training_alone():
    network = build(dropout=0.5)
    assert torch.equal(network(*(given := inputs())), network(*given))
    network.train()
    assert not torch.equal(network(*given), network(*given))


def test_works_without_attributes():
    network = build(class_counts=())
    noisy, steps, _ = inputs()
    assert network(noisy, steps, torch.zeros(2, 0, dtype=torch.int64)).shape == noisy.shape


@pytest.mark.parametrize(
    ("values", "message"),
    [({"size": 48}, "size"), ({"finest_side": 24}, "finest_side"), ({"base_channels": 7}, "base_channels")],
)
def test_what_makes_no_network_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        build(**values)


@pytest.mark.parametrize("base_channels", [2, 6, 10, 18, 22])
def test_an_even_width_will_do_without_attention_at_the_finest_side(base_channels):
    build(16, base_channels=base_channels)(*inputs(16))
    build(8, base_channels=base_channels + 2)(*inputs(8))
    with pytest.raises(ValueError, match=f"base_channels must be a multiple of 4 here, not {base_channels}"):
        build(8, base_channels=base_channels)
