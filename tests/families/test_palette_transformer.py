"""Palette transformer: what steers colours alone leaves the drawing as it is."""

import pytest
import torch

from src.configuration import make_config
from src.families import DataSpecification
from src.families.palette_transformer import PaletteTransformer, PaletteTransformerConfig
from src.labels import LabelSpecification
from src.models.palette_autoencoder import colours_of, palette_loss
from tests.conftest import SPECIFICATION

CPU = torch.device("cpu")
PALETTE = SPECIFICATION.names.index("palette")


def make(labels=SPECIFICATION, **values):
    config = make_config(
        PaletteTransformerConfig, PaletteTransformer.profiles["smoke"], {"precision": "fp32", **values}
    )
    family = PaletteTransformer(config, DataSpecification(16, 4, labels, 0.3), CPU)
    # Untrained, one entry wins everywhere; with larger weights all of them occur.
    torch.nn.init.normal_(family.model.autoencoder.drawing_decoder.to_logits.weight, std=20.0)
    family.model.eval()
    return family


def labels_of(count, palette):
    labels = torch.stack([torch.arange(count) % classes for classes in SPECIFICATION.sizes], dim=1)
    labels[:, PALETTE] = palette
    return labels


def same_drawing(one, two):
    """Whether one colour here is one colour there, and the other way round; portraits [4, H, W]."""
    pairs = torch.cat([one, two]).flatten(1).T.unique(dim=0)
    return len(pairs) == len(one.flatten(1).T.unique(dim=0)) == len(two.flatten(1).T.unique(dim=0))


@pytest.mark.parametrize("refiner_blocks", [0, 1])
def test_another_palette_recolours_the_very_same_hero(refiner_blocks):
    family = make(refiner_blocks=refiner_blocks)
    latents = torch.randn(6, family.latent_dim)
    first, second = (family.draw(family.model, latents, labels_of(6, palette)) for palette in (0, 1))
    assert any(not torch.equal(one, two) for one, two in zip(first, second, strict=True))
    assert all(same_drawing(one, two) for one, two in zip(first, second, strict=True))
    # With the palette among what steers the drawing they are different heroes.
    family = make(refiner_blocks=refiner_blocks, colour_attribute="")
    first, second = (family.draw(family.model, latents, labels_of(6, palette)) for palette in (0, 1))
    assert not all(same_drawing(one, two) for one, two in zip(first, second, strict=True))


def test_in_its_own_palette_a_hero_is_what_the_prior_wrote():
    family = make(guidance_weight=1.0, refiner_blocks=0)
    latents, labels = torch.randn(4, family.latent_dim), labels_of(4, 0)
    uniforms, own = family.own_colours(torch.special.ndtr(latents.double()), labels)
    codes = family.model.prior.sample(uniforms, family.unchanged(own), 1.0)
    expected = family.model.autoencoder.decode(codes)
    assert torch.equal(family.draw(family.model, latents, own), expected)


def test_a_latent_picks_each_palette_as_often_and_stays_uniform():
    family = make()
    classes, count = SPECIFICATION.sizes[PALETTE], 20_000
    labels = torch.zeros(count, len(SPECIFICATION.names), dtype=torch.int64)
    before = torch.rand(count, 3, dtype=torch.float64)
    uniforms, own = family.own_colours(before, labels)
    found = torch.bincount(own[:, PALETTE], minlength=classes) / count
    # Four standard deviations; of the uniform numbers, of their mean and of that of each class.
    torch.testing.assert_close(found, torch.full((classes,), 1 / classes), rtol=0, atol=0.014)
    for palette in range(classes):
        assert uniforms[own[:, PALETTE] == palette, 0].mean().item() == pytest.approx(0.5, abs=0.025)
    assert uniforms.min() >= 0 and uniforms.max() <= 1
    assert torch.equal(uniforms[:, 1:], before[:, 1:])
    others = [column for column in range(len(SPECIFICATION.names)) if column != PALETTE]
    assert torch.equal(own[:, others], labels[:, others])
    assert labels.eq(0).all()


def test_data_without_that_attribute_are_drawn_as_before():
    family = make(labels=LabelSpecification({"view": ("back", "front")}))
    uniforms, labels = torch.rand(3, 5), torch.zeros(3, 1, dtype=torch.int64)
    same_uniforms, same_labels = family.own_colours(uniforms, labels)
    assert same_uniforms is uniforms and same_labels is labels


def portraits_and_labels(count=16):
    generator = torch.Generator().manual_seed(0)
    portraits = torch.rand(count, 4, 16, 16, generator=generator) * 2 - 1
    return portraits.contiguous(memory_format=torch.channels_last), labels_of(count, 0)


def changed_networks(family, images_seen):
    """The losses of a step, and the networks that it changed."""
    before = {name: value.clone() for name, value in family.model.named_parameters()}
    scalars = family.train_step(*portraits_and_labels(), images_seen)
    after = dict(family.model.named_parameters())
    return set(scalars), {name.split(".")[0] for name, value in before.items() if not torch.equal(value, after[name])}


def test_the_autoencoder_learns_first_and_then_stands_still():
    family = make(kimg=1.0, autoencoder_kimg=0.1, refiner_blocks=1)
    assert changed_networks(family, 0) == ({"loss_drawing", "loss_palette"}, {"autoencoder"})
    assert changed_networks(family, 100) == ({"loss_prior", "loss_refiner"}, {"prior", "refiner"})


def test_palettes_do_not_pull_at_the_drawing():
    family = make()
    autoencoder = family.model.autoencoder
    portraits, _ = portraits_and_labels()
    palettes, shares = colours_of(autoencoder.draw(portraits)[0].detach(), portraits)
    palette_loss(autoencoder.spell(palettes, shares)[0], palettes, shares).backward()
    pulled = {name.split("_")[0] for name, value in autoencoder.named_parameters() if value.grad is not None}
    assert pulled == {"palette"}


def test_few_portraits_are_learned_by_heart_drawing_palette_and_all():
    torch.manual_seed(0)
    family = make(kimg=8.0, autoencoder_kimg=3.2, width=32, learning_rate=3e-3, palette_codes=8, refiner_blocks=0)
    torch.nn.init.normal_(family.model.autoencoder.drawing_decoder.to_logits.weight, std=0.3)
    figure = torch.full((4, 4, 16, 16), -1.0)
    figure[:, 3, 2:14, 2:14] = 1.0
    for index, (one, two) in enumerate([(0, 1), (1, 2), (2, 0), (0, 2)]):
        figure[index, one, 2:14, 2:8] = 0.6
        figure[index, two, 2:14, 8:14] = 0.6
    labels = labels_of(4, 0)
    family.model.train()
    for step in range(800):
        torch.manual_seed(step)
        family.train_step(figure.contiguous(memory_format=torch.channels_last), labels, 4 * step)
    family.model.eval()
    drawn = family.reconstruct(family.model, figure, labels)
    assert (drawn[:, 3] == figure[:, 3]).float().mean().item() > 0.98
    assert (drawn - figure)[:, :3].norm(dim=1).mean().item() < 0.1
