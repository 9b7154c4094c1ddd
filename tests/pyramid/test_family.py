"""The family: what its steps learn, how portraits are drawn, varied and painted in given colours."""

import math

import numpy as np
import pytest
import torch

from src.config import load_config
from src.data.packed import to_signed
from src.errors import InputError
from src.family import DataSpecification
from src.labels import LabelSpecification
from src.pyramid.family import PalettePyramidFamily, as_long_as, as_written, kept_by_map
from src.pyramid.maps import index_portraits, majority_maps
from tests.conftest import with_optimizers

CPU = torch.device("cpu")
SPECIFICATION = LabelSpecification({"hero_class": ("knight", "mage"), "palette": ("cool", "dark", "warm")})
TINT = {0: (0, 40, 200), 1: (30, 30, 30), 2: (220, 60, 0)}


def make(**values):
    values = {"precision": "fp32", "colour_jitter": 0.0, **values}
    config = load_config("palette_pyramid", "smoke", overrides=values)
    return with_optimizers(PalettePyramidFamily(config, DataSpecification(16, 4, SPECIFICATION, 0.3), CPU))


def planted(count=60, seed=0):
    """Squares (knights) and stripes (mages) in two shades of the palette's colour; recolours of one another in threes.

    Returns:
        images uint8 [N, 16, 16, 4], labels int64 [N, 2].
    """
    random = np.random.RandomState(seed)
    images, labels = np.zeros((count, 16, 16, 4), np.uint8), np.zeros((count, 2), np.int64)
    for index in range(count):
        if index % 3 == 0:
            kind, at, width = random.randint(2), random.randint(1, 5), random.randint(6, 10)
        colour = np.array(TINT[index % 3])
        shape = np.zeros((16, 16), bool)
        shape[at : at + width, at : at + width] = True
        image = images[index]
        image[shape] = (*colour, 255)
        if kind:
            image[shape & (np.arange(16) % 2 == 0)[None]] = (*(colour // 2 + 20), 255)
        labels[index] = kind, index % 3
    return images, labels


def trained(steps=110, **values):
    torch.manual_seed(0)
    family = make(batch_size=20, learning_rate=5e-3, warmup_kimg=0.1, dropout=0.0, **values)
    images, labels = (torch.from_numpy(each) for each in planted())
    family.inspect_training_set(images, labels)
    rows = []
    for step in range(steps):
        torch.manual_seed(step)
        chosen = torch.randint(len(images), (20,))
        rows.append(family.train_step(to_signed(images[chosen]), labels[chosen], 20 * step))
    family.sampler.eval()
    return family, rows


@pytest.fixture(scope="module")
def learned():
    return trained()


def test_finer_maps_can_be_trained_alone():
    family, rows = trained(1, finer_maps="16")
    assert "bits_16" in rows[0] and "bits_8" not in rows[0] and "bits" not in rows[0]
    moved = {
        name.split(".")[0] for name, parameter in family.model.named_parameters() if family.optimizer.state[parameter]
    }
    assert moved == {"finer"}
    with pytest.raises(ValueError, match=r"finer_maps: maps of 16 pixels are \[16\]"):
        make(finer_maps="16,32")


def test_bits_fall_and_the_estimate_agrees_with_the_exact_likelihood(learned):
    family, rows = learned
    assert rows[-1]["bits"] < 0.35 * rows[0]["bits"]
    assert rows[-1]["loss_recolouring"] < 0.5 * rows[0]["loss_recolouring"]
    images, labels = (torch.from_numpy(each) for each in planted())
    exact = family.likelihood(family.sampler, to_signed(images), labels)
    assert set(exact) == {"bits_palette", "bits_8", "bits_16", "bits"}
    torch.testing.assert_close(exact["bits"], exact["bits_8"] + exact["bits_16"])
    assert all(each.shape == (60,) and (each >= 0).all() for each in exact.values())


def test_an_untrained_network_needs_the_bits_of_guessing():
    """At first every entry is about as likely as any other: log2 of their number a pixel."""
    family = make()
    family.sampler.eval()
    images, labels = (torch.from_numpy(each) for each in planted(12))
    exact = family.likelihood(family.sampler, to_signed(images), labels)
    entries = 1 + index_portraits(to_signed(images), 7).used.sum(dim=1)
    guessing = 256 * entries.double().log2()
    assert ((exact["bits_16"] / guessing - 1).abs() < 0.25).all()


def test_samples_are_exact_in_colour_and_alpha(learned):
    family, _ = learned
    labels = torch.tensor([[0, 0], [1, 1], [0, 2], [1, 0]])
    sampled = family.sample(family.sampler, torch.randn(4, family.latent_dim), labels)
    pixels = (sampled + 1) * 127.5
    assert (pixels - pixels.round()).abs().max() < 1e-3
    assert set(pixels[:, 3].round().unique().tolist()) <= {0, 255}
    assert index_portraits(sampled, 7).used.sum(dim=1).max() <= 7
    assert (sampled[:, :3].permute(0, 2, 3, 1)[sampled[:, 3] < 0] == -1).all()


def test_palettes_follow_their_label(learned):
    family, _ = learned
    labels = torch.stack([torch.arange(30) % 2, torch.arange(30) % 3], dim=1)
    sampled = family.sample(family.sampler, torch.randn(30, family.latent_dim), labels)
    colours = ((sampled[:, :3] + 1) * 127.5).flatten(2).amax(dim=2)
    found = torch.where(colours[:, 2] > 120, 0, torch.where(colours[:, 0] > 120, 2, 1))
    assert (found == labels[:, 1]).float().mean() > 0.75


def test_another_palette_keeps_every_pixel_of_a_hero(learned):
    family, _ = learned
    latents, labels = torch.randn(12, family.latent_dim), torch.tensor([[0, 0], [1, 2]]).repeat(6, 1)
    changed = labels.clone()
    changed[:, 1] = 1
    before, after = (family.vary(family.sampler, latents, labels, each) for each in (labels, changed))
    entries = index_portraits(before, 7)
    for number in range(12):
        for entry in range(8):
            here = entries.entries[number] == entry
            # One entry, one colour: also afterwards.
            assert len(after[number, :, here].unique(dim=1).T) <= 1
    assert torch.equal(before[:, 3], after[:, 3]) and not torch.equal(before, after)
    dark = ((after[:, :3] + 1) * 127.5).flatten(2).amax(dim=2).amax(dim=1) < 120
    assert dark.float().mean() > 0.7


def test_without_recolours_in_the_set_another_palette_is_another_drawing_in_it():
    family, _ = trained(steps=2)
    family.model.recolours_seen.zero_()
    latents, labels = torch.randn(4, family.latent_dim), torch.zeros(4, 2, dtype=torch.int64)
    changed = labels + torch.tensor([0, 2])
    assert not torch.equal(*(family.vary(family.sampler, latents, labels, each) for each in (labels, changed)))


def test_a_given_palette_is_all_that_is_used(learned):
    family, _ = learned
    palette = torch.tensor([[1, 2, 3], [250, 0, 250], [0, 130, 7]])
    labels = torch.tensor([[0, 0], [1, 1]]).repeat(4, 1)
    sampled = family.sample_in_palette(family.sampler, torch.randn(8, family.latent_dim), labels, palette)
    pixels = ((sampled + 1) * 127.5).round().permute(0, 2, 3, 1)
    found = {tuple(colour) for colour in pixels[pixels[..., 3] > 127][:, :3].long().tolist()}
    assert found and found <= {tuple(colour) for colour in palette.tolist()}
    many = torch.randint(256, (40, 3))
    sampled = family.sample_in_palette(family.sampler, torch.randn(2, family.latent_dim), labels[:2], many)
    assert index_portraits(sampled, 40).used.sum(dim=1).max() <= 7


def half_kept(family):
    """Portraits whose lower half is kept, and what the family needs to write the rest."""
    images, labels = (torch.from_numpy(each) for each in planted(24))
    indexed = index_portraits(to_signed(images), 7)
    kept = torch.zeros(24, 16, 16, dtype=torch.bool)
    kept[:, 8:] = True
    return to_signed(images), labels, torch.randn(24, family.latent_dim), indexed, kept


def test_what_is_kept_of_a_portrait_stays_exactly_and_the_coarse_map_where_it_shall(learned):
    family, _ = learned
    portraits, labels, latents, indexed, kept = half_kept(family)
    open_labels = torch.tensor([2, 3]).expand(24, 2)
    rewritten = family.rewrite(family.sampler, latents, open_labels, portraits, kept)
    assert torch.equal(rewritten.permute(0, 2, 3, 1)[kept], portraits.permute(0, 2, 3, 1)[kept])
    assert not torch.equal(rewritten, portraits)
    palette, maps = (indexed.colours, indexed.used), majority_maps(indexed.entries, 7, [8, 16])
    keep = [torch.where(where, math.inf, -math.inf) for where in kept_by_map(torch.zeros_like(kept), [8, 16], 8)]
    written = family.write(family.sampler, latents, labels, palette, as_written(palette, maps), keep)
    assert torch.equal(written.maps[0].classes, maps[0]) and not torch.equal(written.maps[1].classes, maps[1])
    same = family.rewrite(family.sampler, latents, labels, portraits, torch.ones_like(kept))
    assert torch.equal(same, portraits)


def test_the_kept_part_fits_better_under_the_coarsest_map_that_is_chosen(learned, monkeypatch):
    family, _ = learned
    _, labels, latents, indexed, kept = half_kept(family)
    palette, coarse = (indexed.colours, indexed.used), majority_maps(indexed.entries, 7, [8, 16])[0]
    keep = torch.where(kept_by_map(kept, [8, 16], 0)[0], math.inf, -math.inf)
    nats = []
    for candidates in (1, 8):
        monkeypatch.setattr("src.pyramid.family.CANDIDATES", candidates)
        chosen = family.fitting_coarsest(family.sampler, latents, labels, palette, coarse, keep)
        assert torch.equal(chosen[keep > 0], coarse[keep > 0])
        embedded = family.sampler.labels(family.conditioned(labels))
        entries = family.sampler.palette_encoder(*palette, embedded)
        logits = family.sampler.coarse(entries, indexed.used, embedded, chosen.flatten(1))
        each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), chosen.flatten(1), reduction="none")
        nats.append((each * (keep > 0).flatten(1)).sum(dim=1).mean().item())
    assert nats[1] < nats[0]


@pytest.mark.parametrize(
    ("columns", "side", "expected"),
    [(2, 0, [0.5, 0.25, 0.25]), (3, 0, [0.5, 0.5, 0.375]), (1, 0, [0, 0.25, 0.125]), (1, 2, [1, 0.25, 0.125])],
)
def test_a_coarse_pixel_is_kept_where_half_of_its_block_is(columns, side, expected):
    kept = torch.zeros(1, 8, 8, dtype=torch.bool)
    kept[:, :, :columns] = True
    shares = [where.float().mean().item() for where in kept_by_map(kept, [2, 4, 8], side)]
    assert shares == expected


def test_portraits_with_more_colours_are_reduced_and_counted():
    family = make()
    images = np.random.RandomState(0).randint(0, 256, (3, 16, 16, 4)).astype(np.uint8)
    images[..., 3] = 255
    images[0] = (9, 9, 9, 255)
    reduced, note = family.prepare_images(images)
    assert note == "2 of 3 portraits had more than 7 colours and were reduced"
    assert max(len(np.unique(each.reshape(-1, 4), axis=0)) for each in reduced) == 7
    assert family.prepare_images(images[:1])[1] == ""


@pytest.mark.parametrize(("label_dropout", "attribute_dropout"), [(0.2, 0.0), (0.0, 0.3)])
def test_labels_are_dropped_together_or_one_by_one(label_dropout, attribute_dropout):
    family = make(label_dropout=label_dropout, attribute_dropout=attribute_dropout)
    labels = torch.zeros(4000, 2, dtype=torch.int64)
    dropped = family.with_label_dropout(labels) != labels
    share = label_dropout or attribute_dropout
    assert abs(dropped.float().mean().item() - share) < 4 * math.sqrt(share * (1 - share) / 4000)
    both = dropped.all(dim=1).float().mean().item()
    assert abs(both - (share if label_dropout else share**2)) < 0.03
    assert set(family.with_label_dropout(labels)[dropped.any(dim=1)].flatten().tolist()) <= {0, 2, 3}


def test_the_rate_warms_up_stays_and_falls_with_the_square_root():
    family = make(learning_rate=1e-3, warmup_kimg=1.0, constant_kimg=10.0)
    rates = [family.learning_rate(1000 * kimg) for kimg in (0.4995, 2, 10, 40)]
    np.testing.assert_allclose(rates, [0.5e-3, 1e-3, 1e-3, 0.5e-3], rtol=1e-2)


def test_the_rate_falls_to_nothing_over_the_last_kimg():
    family = make(learning_rate=1e-3, warmup_kimg=0.0, constant_kimg=0.0, kimg=100.0, fall_kimg=40.0)
    rates = [family.learning_rate(1000 * kimg) for kimg in (0, 60, 80, 99, 100, 101)]
    np.testing.assert_allclose(rates, [1e-3, 1e-3, 0.5e-3, 0.025e-3, 0, 0], rtol=1e-6)


def test_settings_by_level_go_on_and_what_is_no_number_is_refused():
    assert as_long_as("1,0.5", 4) == [1, 0.5, 0.5, 0.5]
    assert as_long_as("1,2,3", 2) == [1, 2]
    with pytest.raises(InputError, match=r"^top_p must be numbers joined by commas, not 'much'"):
        make(top_p="much")
    with pytest.raises(InputError, match=r"^passes must be one of 4, 5, 6, 8, 16, not 7"):
        make(passes="7")


def test_likelihood_is_the_same_in_any_batch(learned):
    family, _ = learned
    images, labels = (torch.from_numpy(each) for each in planted(6))
    together = family.likelihood(family.sampler, to_signed(images), labels)["bits"]
    alone = family.likelihood(family.sampler, to_signed(images[2:3]), labels[2:3])["bits"]
    torch.testing.assert_close(together[2:3], alone, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("name", ["finer_widths", "finer_blocks"])
@pytest.mark.parametrize("text", ["160,0.5,64", "160,0,64", "-2"])
def test_widths_and_blocks_are_whole_numbers(name, text):
    with pytest.raises(InputError, match=f"{name} must be whole numbers from 1 on, not"):
        make(**{name: text})


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("passes", "inf", "passes must be numbers"),
        ("finer_widths", "1e400", "finer_widths must be numbers"),
        ("finer_blocks", "1e400", "finer_blocks must be numbers"),
        ("passes", "16.9", "passes must be whole numbers"),
        ("finer_maps", "16.5", "finer_maps must be whole numbers"),
        ("top_p", "nan", "top_p must be numbers"),
        ("top_p", "7", "top_p must be at most 1"),
        ("top_p", "-1", "top_p must be above 0"),
        ("temperature", "inf", "temperature must be numbers"),
    ],
)
def test_what_no_run_can_use_is_refused(name, text, message):
    with pytest.raises(InputError, match=message):
        make(**{name: text})


def test_settings_that_make_no_networks_are_refused():
    with pytest.raises(ValueError, match="as many numbers"):
        make(finer_blocks="1,1")


def test_recolours_may_have_more_colours_than_a_byte_has_values():
    places = np.arange(256, dtype=np.uint8).reshape(16, 16)
    images = np.full((2, 16, 16, 4), 255, np.uint8)
    images[0, ..., 0] = images[1, ..., 1] = places
    family = make(colours=256)
    family.inspect_training_set(torch.from_numpy(images), torch.zeros(2, 2, dtype=torch.int64))
    _, used, entries, colours, _ = family.recolours
    assert len(used) == 2 and used.all()
    assert torch.equal(entries[..., 0], torch.full((2, 256), 1 / 256))  # the share of every entry
    assert len(colours[0].unique(dim=0)) == 256
