"""Every family in the registry is held to the same contract, by name of nothing but the registry."""

import copy
import math

import pytest
import torch

from src.config import load_config, profile_names
from src.errors import InputError
from src.families import FAMILIES, find_family
from src.family import DataSpecification
from src.labels import LabelSpecification
from src.sampling import load_model, sample
from src.training.checkpoint import load_checkpoint
from src.training.log import read_metrics
from src.training.run import train
from tests.conftest import SPECIFICATION, with_optimizers
from tests.same import assert_same

CPU = torch.device("cpu")
NONE = LabelSpecification({})


def make(name, labels=SPECIFICATION, size=16, **values):
    """A family with its smoke profile; unconditional ones get no labels, as the loop would see to."""
    family = find_family(name)
    config = load_config(name, "smoke", overrides={"precision": "fp32", **values})
    labels = labels if family.conditional else NONE
    return with_optimizers(family(config, DataSpecification(size, 4, labels, 0.3), CPU))


def batch(family, count=16):
    """Random portraits and labels for that family."""
    images = torch.rand(count, 4, family.data.size, family.data.size) * 2 - 1
    columns = [torch.randint(classes, (count,)) for classes in family.data.labels.sizes]
    labels = torch.stack(columns, dim=1) if columns else torch.zeros(count, 0, dtype=torch.int64)
    return images, labels


def steps(family, count=4):
    """A few training steps; the scalars of each."""
    size = family.config.batch_size
    scalars = []
    for step in range(count):
        torch.manual_seed(step)
        scalars.append(family.train_step(*batch(family, size), step * size))
    return scalars


def evaluation_copy(family):
    """A sampler as the moving average is one: what is done with it does not touch the family."""
    return copy.deepcopy(family.sampler).eval()


def test_a_checkpoint_without_a_scaler_fits_one_and_the_other_way_round():
    """A run of bf16 goes on in fp16, on an older card."""
    family = make("resnet_gan")
    family.precision.scaler = torch.amp.GradScaler("cpu", init_scale=8.0, enabled=True)
    state = family.state_dict()
    family.precision.scaler = torch.amp.GradScaler("cpu", init_scale=2.0, enabled=True)
    family.load_state_dict({**state, "scaler": {}})
    assert family.precision.scaler.get_scale() == 2
    family.load_state_dict(state)
    assert family.precision.scaler.get_scale() == 8


def run(data, out, family, kimg, resume=False, **values):
    values = {"kimg": kimg, "batch_size": 8, "log_kimg": 0.016, "bits_count": 4, **values}
    return train(data, out, family, None if resume else "smoke", values, resume=resume, log=lambda line: None)


@pytest.fixture(scope="module", params=FAMILIES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def family(name):
    """The family after eight steps; no test trains it on."""
    torch.manual_seed(0)
    family = make(name)
    before = {key: [p.detach().clone() for p in net.parameters()] for key, net in family.networks.items()}
    steps(family, 8)
    for key, network in family.networks.items():
        changed = [not torch.equal(a, b) for a, b in zip(before[key], network.parameters(), strict=True)]
        assert any(changed), f"training does not change {key}"
    return family


def test_profiles_are_complete_and_valid(name):
    assert profile_names(name) == ["smoke", "cpu", "rtx2070"]
    for profile in profile_names(name):
        assert type(load_config(name, profile)) is find_family(name).config_class


@pytest.mark.parametrize("size", [32, 64])
def test_losses_are_finite_and_samples_have_shape_and_range_at_every_size(name, size):
    family = make(name, size=size)
    before = {key: value.clone() for key, value in family.sampler.state_dict().items()}
    scalars = steps(family, 2)
    losses = [value for row in scalars for key, value in row.items() if key.startswith("loss_")]
    assert losses
    for row in scalars:
        for key, value in row.items():
            assert value.shape == (), key
            assert math.isfinite(value.item()), key
    assert any(not torch.equal(before[key], value) for key, value in family.sampler.state_dict().items())
    _, labels = batch(family, 3)
    sampled = family.sample(evaluation_copy(family), torch.randn(3, family.latent_dim), labels)
    assert sampled.shape == (3, 4, size, size) and not sampled.requires_grad
    assert sampled.isfinite().all() and sampled.min() >= -1.001 and sampled.max() <= 1.001


def test_a_sample_is_a_function_of_its_own_latent_and_labels(family):
    sampler = evaluation_copy(family)
    _, labels = batch(family, 4)
    latents = torch.randn(4, family.latent_dim)
    together = family.sample(sampler, latents, labels)
    torch.manual_seed(99)
    assert torch.equal(together, family.sample(sampler, latents, labels))
    alone = family.sample(sampler, latents[2:3], labels[2:3])
    assert torch.allclose(together[2:3], alone, atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=1e-6), "the latent does not matter"


def test_a_hero_varied_to_its_own_labels_is_itself(family):
    sampler = evaluation_copy(family)
    _, labels = batch(family, 4)
    latents = torch.randn(4, family.latent_dim)
    assert torch.equal(family.vary(sampler, latents, labels, labels), family.sample(sampler, latents, labels))
    other = labels.roll(1, dims=0)
    assert family.vary(sampler, latents, labels, other).shape == (4, 4, 16, 16)


def test_labels_matter_where_the_family_is_conditional(family):
    sampler = evaluation_copy(family)
    latents = torch.randn(32, family.latent_dim)
    base = torch.zeros(32, len(family.data.labels.sizes), dtype=torch.int64)
    sampled = family.sample(sampler, latents, base)
    for attribute in range(base.shape[1]):
        other = base.clone()
        other[:, attribute] = 1
        change = (family.sample(sampler, latents, other) - sampled).abs().max().item()
        assert change > 1e-6, family.data.labels.names[attribute]


def test_data_without_attributes_train_and_draw(name):
    family = make(name, labels=NONE)
    steps(family, 2)
    sampled = family.sample(
        evaluation_copy(family), torch.randn(2, family.latent_dim), torch.zeros(2, 0, dtype=torch.int64)
    )
    assert sampled.shape == (2, 4, 16, 16)


def test_the_sampler_is_among_the_networks(family):
    known = {id(parameter) for network in family.networks.values() for parameter in network.parameters()}
    assert all(id(parameter) in known for parameter in family.sampler.parameters())


def test_validation_teaches_nothing(family):
    before = {key: value.clone() for key, value in family.sampler.state_dict().items()}
    for value in family.validate(*batch(family), 32).values():
        assert value.shape == () and math.isfinite(value)
    assert_same(dict(family.sampler.state_dict()), before)
    assert all(module.training for network in family.networks.values() for module in network.modules())


def test_what_a_family_reconstructs_has_the_shape_and_range_of_portraits(family):
    images, labels = batch(family, 3)
    rebuilt = family.reconstruct(evaluation_copy(family), images, labels)
    if rebuilt is not None:
        assert rebuilt.shape == images.shape and rebuilt.min() >= -1.001 and rebuilt.max() <= 1.001


def test_resuming_gives_the_same_bits_as_going_on(data_folder, tmp_path, name):
    """In fp32, whatever the hardware; the loop's own tests resume in either format."""
    # 5 and 5 steps of 8 images: the second epoch (of 36) begins within the first half.
    settings = {"precision": "fp32", "log_kimg": 0.04}
    run(data_folder, tmp_path / "whole", name, 0.08, **settings)
    run(data_folder, tmp_path / "halves", name, 0.04, **settings)
    run(data_folder, tmp_path / "halves", None, 0.08, resume=True, log_kimg=0.04)
    whole = load_checkpoint(tmp_path / "whole" / "checkpoints" / "latest.pt")
    halves = load_checkpoint(tmp_path / "halves" / "checkpoints" / "latest.pt")
    assert whole["images_seen"] == 80
    assert_same(whole, halves)
    rows = [read_metrics(tmp_path / folder / "metrics.csv") for folder in ("whole", "halves")]
    for row_a, row_b in zip(*rows, strict=True):
        for row in (row_a, row_b):
            row.pop("images_per_second")
            # A grid is drawn, and a likelihood measured, at the end of every run, and so of the first half.
            for column in [each for each in row if each == "diversity" or each.endswith(("_train", "_validation"))]:
                row.pop(column)
        assert row_a == row_b


@pytest.mark.usefixtures("either_format")
def test_a_checkpoint_draws_and_says_what_it_cannot_do(data_folder, tmp_path, name):
    result = run(data_folder, tmp_path / "out", name, 0.016)
    model = load_model(result.checkpoint)
    sampled = sample(model, 3, seed=5)
    assert sampled.portraits.shape == (3, 16, 16, 4)
    assert (sample(model, 1, seed=7).portraits == sampled.portraits[2:]).all()
    if find_family(name).conditional:
        assert sample(model, 1, requested={"hero_class": "mage"}).labels[0]["hero_class"] == "mage"
        with pytest.raises(InputError, match="unknown hero_class 'wizard'"):
            sample(model, 1, requested={"hero_class": "wizard"})
    else:
        with pytest.raises(InputError, match=f"{name} samples without labels and cannot be asked for mage"):
            sample(model, 1, requested={"hero_class": "mage"})
        with pytest.raises(InputError, match="samples without labels"):
            run(data_folder, tmp_path / "other", name, 0.016, condition_on="gender")


def test_truncated_latents_sample_less_varied_portraits_or_it_says_what_else_would(family):
    latents = torch.randn(16, family.latent_dim)
    assert torch.allclose(family.truncated(latents, 1.0), latents, atol=1e-5)
    try:
        shortened = family.truncated(latents, 0.1)
    except InputError as error:
        assert "no truncation; its dial is" in str(error)
        return
    assert shortened.shape == latents.shape and shortened.std() < latents.std()
