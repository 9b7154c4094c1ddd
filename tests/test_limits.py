"""What does not fit into the memory is refused before it is taken."""

import pytest
import torch
from torch import nn

from src import limits
from src.config import load_config
from src.errors import InputError
from src.families import build_family
from src.family import DataSpecification
from src.limits import available_memory, check_memory, checked_networks


def test_there_is_some_memory():
    assert available_memory() is None or 1 << 20 < available_memory() < 1 << 50


@pytest.mark.parametrize("free", [None, 0, 999, 1000, 10**20])
def test_more_than_there_is_is_refused(monkeypatch, free):
    monkeypatch.setattr(limits, "available_memory", lambda: free)
    if free is None or free >= 1000:
        check_memory(1000, "portraits", "take fewer")
    else:
        with pytest.raises(InputError, match=r"portraits need .*; take fewer"):
            check_memory(1000, "portraits", "take fewer")


def test_a_number_of_any_length_is_one_line():
    with pytest.raises(InputError, match="GB of memory"):
        check_memory(10**4000, "portraits", "take fewer")


@pytest.mark.parametrize(("copies", "fits"), [(1, True), (3, False)])
def test_networks_are_counted_as_they_are_built(monkeypatch, copies, fits):
    monkeypatch.setattr(limits, "available_memory", lambda: 6000)  # two layers of 2,080 bytes lie there already
    if fits:
        with checked_networks(copies):
            nn.Sequential(nn.Linear(64, 8, bias=False), nn.Linear(64, 8, bias=False))
    else:
        with pytest.raises(InputError, match="make them smaller"), checked_networks(copies):
            nn.Sequential(nn.Linear(64, 8, bias=False), nn.Linear(64, 8, bias=False))
    nn.Linear(1000, 1000)  # outside of the block nothing is counted


@pytest.mark.parametrize("width", [10**5, 2**31, 2**32 - 1])
def test_networks_beyond_all_memory_are_one_line(specification, width, monkeypatch):
    monkeypatch.setattr(limits, "available_memory", lambda: 1 << 30)
    config = load_config("resnet_gan", "smoke", overrides={"base_channels": width})
    with pytest.raises(InputError) as caught:
        build_family("resnet_gan", config, DataSpecification(16, 4, specification, 0.5), torch.device("cpu"), 5)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
