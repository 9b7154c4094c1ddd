"""Shapes, gradients and conditioning of every network."""

from functools import partial

import pytest
import torch

from src.gan.conditional_dcgan import ConditionalDCGANDiscriminator, ConditionalDCGANGenerator
from src.gan.conditioning import AttributeEmbedding, ClassifierHead, ConditionalBatchNorm2d, ProjectionHead
from src.gan.resnet import ResNetDiscriminator, ResNetGenerator
from src.zoo.acgan import AuxiliaryClassifierDiscriminator

CLASS_COUNTS = (2, 3, 2)
PAIRS = {
    "resnet": (ResNetGenerator, ResNetDiscriminator),
    "resnet of patches": (partial(ResNetGenerator, patch_size=2), partial(ResNetDiscriminator, patch_size=2)),
    "resnet with a palette head": (partial(ResNetGenerator, colours=7, colour_columns=(2,)), ResNetDiscriminator),
    "dcgan": (ConditionalDCGANGenerator, ConditionalDCGANDiscriminator),
}


def build(name, size=16, class_counts=CLASS_COUNTS):
    generator_class, discriminator_class = PAIRS[name]
    return (
        generator_class(size, 4, class_counts, latent_dim=60, base_channels=8, embedding_dim=16),
        discriminator_class(size, 4, class_counts, base_channels=8),
    )


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("size", [16, 32, 64])
def test_shapes_and_range(name, size):
    generator, discriminator = build(name, size)
    labels = torch.tensor([[0, 1, 0], [1, 2, 1]])
    images = generator(torch.randn(2, 60), labels)
    assert images.shape == (2, 4, size, size)
    assert images.abs().max() <= 1
    assert discriminator(images, labels).shape == (2,)


@pytest.mark.parametrize("name", PAIRS)
def test_every_parameter_gets_a_gradient(name):
    generator, discriminator = build(name)
    # Every class occurs, or the rows of an embedding that are not looked up get none.
    labels = torch.tensor([[0, 0, 0], [1, 1, 1], [0, 2, 1], [1, 0, 0]])
    discriminator(generator(torch.randn(4, 60), labels), labels).sum().backward()
    for network in (generator, discriminator):
        for parameter_name, parameter in network.named_parameters():
            assert parameter.grad is not None, parameter_name
            # A bias before batch normalisation gets only what rounding leaves over.
            if not parameter_name.endswith("bias"):
                assert parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("attribute", range(len(CLASS_COUNTS)))
def test_each_label_changes_the_portrait_and_the_score(name, attribute):
    generator, discriminator = build(name)
    generator.eval()
    discriminator.eval()
    latents = torch.randn(4, 60)
    labels = torch.zeros(4, 3, dtype=torch.int64)
    other = labels.clone()
    other[:, attribute] = 1
    images = generator(latents, labels)
    assert (images - generator(latents, other)).abs().amax(dim=(1, 2, 3)).min() > 1e-3
    assert (discriminator(images, labels) - discriminator(images, other)).abs().min() > 1e-5


@pytest.mark.parametrize("name", PAIRS)
def test_works_without_attributes(name):
    generator, discriminator = build(name, class_counts=())
    labels = torch.zeros(2, 0, dtype=torch.int64)
    assert discriminator(generator(torch.randn(2, 60), labels), labels).shape == (2,)


def test_every_piece_of_the_latent_reaches_the_portrait():
    generator, _ = build("resnet")
    generator.eval()
    labels = torch.zeros(1, 3, dtype=torch.int64)
    latents = torch.randn(1, 60)
    portrait = generator(latents, labels)
    for piece in range(3):  # 4x4, 8x8, 16x16
        changed = latents.clone()
        changed[:, piece * 20 : (piece + 1) * 20] += 1
        assert (generator(changed, labels) - portrait).abs().max() > 1e-3


def test_spectral_norm_bounds_every_weight_of_the_discriminator():
    discriminator = ResNetDiscriminator(16, 4, CLASS_COUNTS, base_channels=8)
    images, labels = torch.randn(2, 4, 16, 16), torch.zeros(2, 3, dtype=torch.int64)
    with torch.no_grad():
        for block in discriminator.blocks:
            block.conv_1.parametrizations.weight.original.mul_(7)
        for _ in range(30):  # power iterations
            discriminator(images, labels)
    discriminator.eval()
    weights = [m.weight for m in discriminator.modules() if hasattr(m, "parametrizations")]
    assert len(weights) == 3 * len(discriminator.blocks) + 1 + len(CLASS_COUNTS)
    for weight in weights:
        assert torch.linalg.matrix_norm(weight.flatten(1), ord=2).item() == pytest.approx(1, abs=0.05)


def test_spectral_norm_can_be_switched_off():
    discriminator = ResNetDiscriminator(16, 4, CLASS_COUNTS, base_channels=8, spectral_norm=False)
    assert not any(hasattr(module, "parametrizations") for module in discriminator.modules())


def test_projection_head_against_its_formula():
    head = ProjectionHead(8, CLASS_COUNTS, torch.nn.Identity())
    features, labels = torch.randn(3, 8), torch.tensor([[0, 2, 1], [1, 0, 0], [1, 1, 1]])
    embedded = sum(head.tables[a].weight[labels[:, a]] for a in range(3))
    expected = features @ head.score.weight[0] + head.score.bias + (embedded * features).sum(1)
    torch.testing.assert_close(head(features, labels), expected)


def test_attribute_embedding_is_the_sum_of_its_tables():
    embedding = AttributeEmbedding(CLASS_COUNTS, 5)
    labels = torch.tensor([[1, 2, 0]])
    rows = [embedding.tables[str(column)].weight[labels[0, column]] for column in range(3)]
    torch.testing.assert_close(embedding(labels)[0], sum(rows))


def test_attribute_embedding_leaves_attributes_out_and_keeps_the_names_of_the_others():
    embedding = AttributeEmbedding(CLASS_COUNTS, 5, without=(1,))
    assert set(embedding.state_dict()) == {"tables.0.weight", "tables.2.weight"}
    labels = torch.tensor([[1, 2, 0]])
    torch.testing.assert_close(embedding(labels)[0], embedding.tables["0"].weight[1] + embedding.tables["2"].weight[0])


def test_conditional_batch_norm_against_its_formula():
    layer = ConditionalBatchNorm2d(3, 4)
    features, condition = torch.randn(5, 3, 2, 2) * 3 + 1, torch.randn(5, 4)
    mean = features.mean(dim=(0, 2, 3), keepdim=True)
    variance = features.var(dim=(0, 2, 3), unbiased=False, keepdim=True)
    scale, shift = layer.scale_and_shift(condition)[:, :, None, None].chunk(2, dim=1)
    expected = (features - mean) / (variance + 1e-5).sqrt() * (1 + scale) + shift
    torch.testing.assert_close(layer(features, condition), expected)


@pytest.mark.parametrize("network", [*PAIRS["resnet"], *PAIRS["dcgan"], AuxiliaryClassifierDiscriminator])
@pytest.mark.parametrize("size", [4, 33, 48])
def test_a_size_that_is_no_power_of_two_is_refused(network, size):
    with pytest.raises(ValueError, match="power of two"):
        network(size, 4, CLASS_COUNTS)


def test_the_baseline_knows_the_same_portraits_in_evaluation_as_in_training():
    """Else logits of validation portraits could not be compared with those of reals."""
    discriminator = ConditionalDCGANDiscriminator(16, 4, CLASS_COUNTS)
    images, labels = torch.randn(8, 4, 16, 16), torch.zeros(8, len(CLASS_COUNTS), dtype=torch.int64)
    discriminator(5 * images + 3, labels)  # other statistics, as fakes have
    logits = discriminator(images, labels)
    torch.testing.assert_close(discriminator.eval()(images, labels), logits)


def test_another_palette_recolours_the_same_hero():
    """What steers colours alone reaches no block: every pixel keeps its place in the palette."""
    generator = ResNetGenerator(
        16, 4, CLASS_COUNTS, latent_dim=60, base_channels=8, colours=7, colour_columns=(2,)
    ).eval()
    choices = []
    generator.head.to_choice.register_forward_hook(lambda module, inputs, choice: choices.append(choice))
    latents = torch.randn(4, 60)
    labels = torch.tensor([[0, 1, 0], [1, 0, 0], [0, 2, 0], [1, 2, 0]])
    for column in (None, 2, 0):
        changed = labels.clone()
        if column is not None:
            changed[:, column] = 1 - changed[:, column]
        choices.append(generator(latents, changed))
    (choice, same, other), portraits = choices[::2], choices[1::2]
    assert torch.equal(choice, same) and not torch.equal(portraits[0], portraits[1])
    assert not torch.equal(choice, other)


def test_classifier_head_against_its_formula():
    head = ClassifierHead(8, CLASS_COUNTS)
    features = torch.randn(3, 8)
    for table, classes, count in zip(head.tables, head(features), CLASS_COUNTS, strict=True):
        assert classes.shape == (3, count)
        torch.testing.assert_close(classes, features @ table.weight.T)


def test_patches_leave_out_the_block_at_full_size():
    whole, patches = (ResNetGenerator(64, 4, CLASS_COUNTS, patch_size=side) for side in (1, 2))
    assert (len(whole.blocks), len(patches.blocks)) == (4, 3)
    whole, patches = (ResNetDiscriminator(64, 4, CLASS_COUNTS, patch_size=side) for side in (1, 2))
    assert (len(whole.blocks), len(patches.blocks)) == (5, 4)
    with pytest.raises(ValueError, match="a power of two of at least 8, not 16 / 4"):
        ResNetGenerator(16, 4, CLASS_COUNTS, patch_size=4)
