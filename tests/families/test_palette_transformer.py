"""Palette transformer: one network after the other, and what small batches can learn."""

import pytest
import torch

from src.configuration import make_config
from src.families import DataSpecification
from src.families.palette_transformer import PaletteTransformer, PaletteTransformerConfig
from tests.conftest import SPECIFICATION

CPU = torch.device("cpu")


def make(**values):
    profile = PaletteTransformer.profiles["smoke"]
    config = make_config(PaletteTransformerConfig, profile, {"precision": "fp32", **values})
    return PaletteTransformer(config, DataSpecification(16, 4, SPECIFICATION, 0.3), CPU)


def labels_of(count):
    return torch.stack([torch.arange(count) % classes for classes in SPECIFICATION.sizes], dim=1)


def changed_networks(family, images_seen):
    """The losses of a step, and the networks that it changed."""
    portraits = torch.rand(16, 4, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    before = {name: value.clone() for name, value in family.model.named_parameters()}
    torch.manual_seed(0)
    scalars = family.train_step(portraits.contiguous(memory_format=torch.channels_last), labels_of(16), images_seen)
    after = dict(family.model.named_parameters())
    return set(scalars), {name.split(".")[0] for name, value in before.items() if not torch.equal(value, after[name])}


def test_the_autoencoder_learns_first_and_then_stands_still():
    family = make(kimg=1.0, autoencoder_kimg=0.1, prior_schedule_kimg=0.5)
    assert changed_networks(family, 0) == ({"loss_reconstruction"}, {"autoencoder"})
    assert changed_networks(family, 99) == ({"loss_reconstruction"}, {"autoencoder"})
    assert changed_networks(family, 100) == ({"loss_prior", "loss_refiner"}, {"prior", "refiner"})
    assert changed_networks(family, 600) == ({"loss_refiner"}, {"refiner"})


def test_the_schedules_of_prior_and_refiner_begin_where_the_autoencoder_ends():
    rates = {"learning_rate_prior_first": 1e-3, "learning_rate_prior_last": 1e-4, "prior_schedule_kimg": 0.4}
    family = make(autoencoder_kimg=0.1, **rates)
    for images_seen, rate in ((100, 1e-3), (300, 5.5e-4), (499, 1e-4)):
        changed_networks(family, images_seen)
        assert family.optimizer_prior.param_groups[0]["lr"] == pytest.approx(rate, rel=1e-3)
    family = make(autoencoder_kimg=0.1, learning_rate_refiner_first=1e-3, refiner_schedule_kimg=0.4)
    changed_networks(family, 100)
    assert family.optimizer_refiner.param_groups[0]["lr"] == pytest.approx(1e-3)


def test_few_portraits_are_learned_by_heart_drawing_palette_and_all():
    torch.manual_seed(0)
    family = make(autoencoder_kimg=3.2, width=32, learning_rate=3e-3, palette_codes=8)
    figure = torch.full((4, 4, 16, 16), -1.0)
    figure[:, 3, 2:14, 2:14] = 1.0
    for index, (one, two) in enumerate([(0, 1), (1, 2), (2, 0), (0, 2)]):
        figure[index, one, 2:14, 2:8] = 0.6
        figure[index, two, 2:14, 8:14] = 0.6
    family.model.train()
    for step in range(800):
        torch.manual_seed(step)
        family.train_step(figure.contiguous(memory_format=torch.channels_last), labels_of(4), 4 * step)
    family.model.eval()
    drawn = family.reconstruct(family.model, figure, labels_of(4))
    assert (drawn[:, 3] == figure[:, 3]).float().mean().item() > 0.98
    assert (drawn - figure)[:, :3].norm(dim=1).mean().item() < 0.1


@pytest.mark.parametrize("blocks", [0, 1])
def test_a_varied_hero_is_itself_under_its_own_labels_and_the_dial_says_how_much_of_it_stays(blocks):
    torch.manual_seed(0)
    family = make(refiner_blocks=blocks)
    for parameter in family.model.parameters():  # what begins at zero hides the labels
        torch.nn.init.normal_(parameter, std=0.2)
    latents, labels = torch.randn(6, family.latent_dim), labels_of(6)
    changed = (labels + 1) % torch.tensor(SPECIFICATION.sizes)
    drawn, model = family.draw(family.model.eval(), latents, labels), family.model
    assert torch.equal(family.vary(model, latents, labels, labels), drawn)
    written = family.write(model, latents, labels)
    shares = []
    for keep in (0.0, 0.3, 1e9):
        varied = make(refiner_blocks=blocks, keep=keep)
        after = varied.write(model, latents, changed, written)
        assert torch.equal(varied.vary(model, latents, labels, changed), after.portraits)
        shares.append((after.codes.classes == written.codes.classes).float().mean().item())
    assert shares[0] < shares[1] < shares[2] == 1.0
    assert torch.equal(after.portraits, drawn)
