"""Generator and discriminator without normalisation."""

import pytest
import torch

from src.zoo.r3gan import NormFreeDiscriminator, NormFreeGenerator, stage_channels


def make_generator(**values):
    torch.manual_seed(0)
    return NormFreeGenerator(16, (2, 3, 2), (2,), latent_dim=12, base_channels=8, embedding_dim=6, **values)


@pytest.mark.parametrize(
    ("size", "channels"), [(16, [16, 8]), (32, [32, 16, 8]), (64, [32, 32, 16, 8]), (128, [32, 32, 32, 16, 8])]
)
def test_channels_double_up_to_four_times_the_base(size, channels):
    assert stage_channels(size, 8) == channels


@pytest.mark.parametrize("size", [7, 24, 4])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match="power of two"):
        stage_channels(size, 8)


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("colours", [0, 7])
def test_shapes_and_range(size, colours):
    generator = NormFreeGenerator(size, (2, 3), (), base_channels=4, colours=colours)
    discriminator = NormFreeDiscriminator(size, 4, (2, 3), base_channels=4)
    labels = torch.tensor([[0, 2], [1, 0]])
    portraits = generator(torch.randn(2, 120), labels)
    assert portraits.shape == (2, 4, size, size) and portraits.abs().max() <= 1
    assert discriminator(portraits, labels).shape == (2,)


def test_branches_start_at_zero():
    """Fixup: at the start every residual block passes its input through, whatever the condition."""
    block = make_generator().stages[0][0]
    features = torch.randn(2, 16, 4, 4)
    condition = torch.randn(2, block.modulate.in_features)
    torch.testing.assert_close(block(features, condition), features)


def test_another_palette_recolours_the_same_hero():
    generator = make_generator(colours=7).eval()
    for parameter in generator.parameters():
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    latents = torch.randn(4, 12)
    labels = torch.tensor([[0, 1, 0]] * 4)
    portraits, recoloured = generator(latents, labels), generator(latents, labels + torch.tensor([0, 0, 1]))
    torch.testing.assert_close(portraits[:, 3], recoloured[:, 3])
    assert not torch.allclose(portraits[:, :3], recoloured[:, :3])
    # The same index map: pixels that share a colour before share one after.
    for before, after in zip(portraits, recoloured, strict=True):
        pairs = torch.cat([before, after]).flatten(1).T.unique(dim=0)
        assert len(pairs) == len(before.flatten(1).T.unique(dim=0)) == len(after.flatten(1).T.unique(dim=0))
    recast = generator(latents, labels + torch.tensor([0, 1, 0]))
    assert not torch.allclose(portraits[:, 3], recast[:, 3])


def test_without_label_strength_labels_do_not_count():
    generator, discriminator = make_generator(), NormFreeDiscriminator(16, 4, (2, 3, 2), base_channels=8)
    images, latents = torch.randn(2, 4, 16, 16), torch.randn(2, 12)
    a, b = torch.zeros(2, 3, dtype=torch.int64), torch.ones(2, 3, dtype=torch.int64)
    for strength, same in ((1.0, False), (0.0, True)):
        generator.label_strength.fill_(strength)
        discriminator.label_strength.fill_(strength)
        assert torch.allclose(generator(latents, a), generator(latents, b)) == same
        assert torch.allclose(discriminator(images, a), discriminator(images, b)) == same


def test_projection_against_its_formula():
    discriminator = NormFreeDiscriminator(16, 4, (2, 3), base_channels=4)
    images = torch.randn(3, 4, 16, 16)
    labels = torch.tensor([[0, 1], [1, 2], [1, 0]])
    with_labels = discriminator(images, labels)
    features = []
    hook = discriminator.mix.register_forward_hook(lambda module, inputs, output: features.append(output))
    discriminator(images, labels)
    hook.remove()
    rows = sum(table.weight[labels[:, column]] for column, table in enumerate(discriminator.tables))
    width = features[0].shape[1]
    expected = discriminator.score(features[0]).squeeze(1) + (rows * features[0]).sum(1) / width**0.5
    torch.testing.assert_close(with_labels, expected)
