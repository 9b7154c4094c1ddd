"""When memory runs out: the same gradients with activations elsewhere, and a run that goes on by itself."""

import weakref

import pytest
import torch
from torch import nn

from src.config import load_config
from src.errors import InputError
from src.families import FAMILIES, find_family
from src.family import DataSpecification
from src.gan.resnet_gan import ResNetGAN
from src.training import memory, run
from src.training.checkpoint import load_checkpoint
from src.training.estimate import measure
from src.training.memory import saved_on_host
from src.training.run import train
from tests.same import assert_same

SETTINGS = {"batch_size": 8, "base_channels": 4, "latent_dim": 12, "kimg": 0.032, "checkpoint_kimg": 0.016}


@pytest.fixture
def moved(monkeypatch):
    """Tensors of any size go to the host; the list holds, for each, whether its strides stayed."""
    strides = []
    to_host = memory._to_host

    def recorded(tensor):
        saved = to_host(tensor)
        if isinstance(saved, tuple):
            strides.append(saved[1].stride() == tensor.stride())
        return saved

    monkeypatch.setattr(memory, "LEAST_BYTES", 0)
    monkeypatch.setattr(memory, "_to_host", recorded)
    return strides


@pytest.mark.parametrize("name", FAMILIES)
def test_a_step_gives_the_same_bits(name, specification, moved):
    """Batch normalisation, spectral normalisation, dropout, penalties with second derivatives, all in bf16, where more
    is saved than in fp32: nothing differs."""
    family_class = find_family(name)
    values = {"batch_size": 8, "precision": "bf16"}
    config = load_config(name, "smoke", overrides=values)
    data = DataSpecification(16, 4, specification, intra_class_distance=0.3)
    states = []
    for context in (torch.enable_grad, saved_on_host):
        torch.manual_seed(0)
        family = family_class(config, data, torch.device("cpu"))
        family.build_optimizers()
        reals = torch.rand(8, 4, 16, 16).contiguous(memory_format=torch.channels_last) * 2 - 1
        labels = torch.stack([torch.arange(8) % size for size in specification.sizes], dim=1)
        for step in range(2):
            torch.manual_seed(step)
            with context():
                family.train_step(reals, labels if family.conditional else labels[:, :0], step * 8)
        states.append(family.state_dict())
    assert_same(*states)
    assert len(moved) > 10


def test_parameters_stay_and_the_memory_format_too(moved):
    convolution = nn.Conv2d(3, 5, 3, bias=False)
    images = torch.randn(2, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    with saved_on_host():
        output = convolution(images)
    # The images alone: the weight is a parameter.
    assert moved == [True]
    output.sum().backward()


def test_small_tensors_stay():
    small = torch.zeros(memory.LEAST_BYTES // 4 - 1)
    assert memory._to_host(small) is small
    assert isinstance(memory._to_host(torch.zeros(memory.LEAST_BYTES // 4)), tuple)


@pytest.fixture
def short_of_memory(monkeypatch):
    """Training steps that run out of memory from a given one on, unless activations go to the host."""

    def plant(fails_at, even_so=False):
        calls = 0
        on_host = False
        train_step, context = ResNetGAN.train_step, run.saved_on_host

        def step(self, *arguments):
            nonlocal calls
            calls += 1
            if calls > fails_at and (even_so or not on_host):
                # As on a card: some of the step is done, and has changed the networks, when the memory runs out.
                train_step(self, *arguments)
                raise torch.OutOfMemoryError("planted")
            return train_step(self, *arguments)

        def saved_on_host():
            nonlocal on_host
            on_host = True
            return context()

        monkeypatch.setattr(ResNetGAN, "train_step", step)
        monkeypatch.setattr(run, "saved_on_host", saved_on_host)

    return plant


# The estimate takes five steps, and a checkpoint is written after every two of the four that follow.
@pytest.mark.parametrize("fails_at", [0, 6, 8], ids=["estimate", "before a checkpoint", "after a checkpoint"])
def test_a_run_goes_on_as_if_nothing_had_happened(data_folder, tmp_path, short_of_memory, fails_at, monkeypatch):
    undisturbed = train(data_folder, tmp_path / "a", "resnet_gan", "smoke", SETTINGS, log=lambda line: None)
    monkeypatch.setattr(run, "measure", measure)
    short_of_memory(fails_at)
    lines = []
    result = train(data_folder, tmp_path / "b", "resnet_gan", "smoke", SETTINGS, log=lines.append)
    assert result.images_seen == undisturbed.images_seen
    assert_same(load_checkpoint(result.checkpoint), load_checkpoint(undisturbed.checkpoint))
    assert sum("memory ran out" in line for line in lines) == 1
    names = [sorted(path.name for path in (tmp_path / run).rglob("*.p*")) for run in "ab"]
    assert names[0] == names[1]
    kimg = [line.split(",")[0] for line in (tmp_path / "b" / "metrics.csv").read_text().splitlines()]
    assert len(kimg) == len(set(kimg))


def test_an_earlier_run_is_not_taken_for_this_one(data_folder, tmp_path, short_of_memory):
    """The folder holds a run of another seed when the first attempt fails: it is moved away, not resumed."""
    out = tmp_path / "out"
    train(data_folder, out, "resnet_gan", "smoke", {**SETTINGS, "seed": 7}, log=lambda line: None)
    short_of_memory(0)
    result = train(data_folder, out, "resnet_gan", "smoke", SETTINGS, log=lambda line: None)
    assert load_checkpoint(result.checkpoint)["config"]["seed"] == 0
    assert (out / "earlier_runs" / "001" / "checkpoints" / "latest.pt").is_file()


def test_the_earlier_run_is_moved_once(data_folder, tmp_path, short_of_memory):
    """The first attempt has begun when it fails: what it has left is no earlier run."""
    out = tmp_path / "out"
    train(data_folder, out, "resnet_gan", "smoke", {**SETTINGS, "seed": 7}, log=lambda line: None)
    short_of_memory(1)
    train(data_folder, out, "resnet_gan", "smoke", SETTINGS, log=lambda line: None)
    assert [path.name for path in (out / "earlier_runs").iterdir()] == ["001"]


def test_too_little_memory_even_so_is_an_error_that_says_what_to_do(data_folder, tmp_path, short_of_memory):
    short_of_memory(0, even_so=True)
    with pytest.raises(InputError, match="batch_size"):
        train(data_folder, tmp_path / "out", "resnet_gan", "smoke", SETTINGS, log=lambda line: None)


def test_the_second_attempt_starts_with_the_memory_of_the_first_released(data_folder, tmp_path, monkeypatch):
    """The error's traceback would hold on to all that filled the card."""
    families = []

    def out_of_memory(self, *arguments):
        families.append(weakref.ref(self))
        if len(families) == 1:
            raise torch.OutOfMemoryError("planted")
        assert families[0]() is None
        raise RuntimeError("another")  # which is none of a card's memory, and passes

    monkeypatch.setattr(ResNetGAN, "train_step", out_of_memory)
    with pytest.raises(RuntimeError, match="another"):
        train(data_folder, tmp_path / "out", "resnet_gan", "smoke", SETTINGS, log=lambda line: None)
    assert len(families) == 2


def test_networks_that_do_not_fit_are_refused_before_the_earlier_run_is_moved(data_folder, tmp_path, monkeypatch):
    out = tmp_path / "out"
    train(data_folder, out, "resnet_gan", "smoke", SETTINGS, log=lambda line: None)

    def out_of_memory(self, *arguments):
        raise torch.OutOfMemoryError("planted")

    monkeypatch.setattr(ResNetGAN, "__init__", out_of_memory)
    with pytest.raises(InputError, match="cannot hold the networks"):
        train(data_folder, out, "resnet_gan", "smoke", SETTINGS, log=lambda line: None)
    assert not (out / "earlier_runs").exists()
