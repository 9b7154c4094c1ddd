"""What every checkpoint and weights file is checked against."""

import copy

import pytest
import torch

from src.errors import InputError
from src.training.checkpoint_schema import checked, checksums, digest
from tests.conftest import stored_content
from tests.same import assert_same

NAN = torch.tensor([1.0, float("nan")])


def test_what_was_written_is_read_as_it_was():
    content = stored_content()
    assert_same(checked({**content, "checksums": checksums(content)}, "a.pt"), content)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"family": 5}, "family must be a valid string"),
        ({"family": "dalle"}, "unknown family 'dalle'"),
        ({"config": [1]}, "config must be a valid dictionary"),
        ({"config": {"beta1": {"deep": 1}}}, r"config\.beta1"),
        ({"label_mappings": [1]}, "label_mappings must be"),
        ({"label_mappings": {"gender": 5}}, r"label_mappings\.gender must be"),
        ({"label_mappings": {"gender": {"a": 1, "b": 0}}}, "must follow the sorted names"),
        ({"size": "64"}, "size must be a valid integer"),
        ({"size": 2**20}, "size must be less than or equal to 4096"),
        ({"channels": 3}, "channels must be 4"),
        ({"intra_class_distance": float("nan")}, "intra_class_distance must be a finite number"),
        ({"images_seen": -1}, "images_seen must be greater than or equal to 0"),
        ({"images_seen": True}, "images_seen must be"),
        ({"average": None}, "average must be a valid dictionary"),
        ({"average": {"weight": 1.0}}, r"average\.weight must be an instance of Tensor"),
        ({"average": {"weight": torch.zeros(2, device="meta")}}, "is damaged or changed by hand"),
        ({"average": {"weight": NAN}}, "weights of 'average' that are not finite"),
        ({"state": {"discriminator": {"weight": NAN}}}, "weights of 'discriminator' that are not finite"),
        ({"networks": {"discriminator": {"weight": NAN}}}, "weights of 'discriminator' that are not finite"),
        ({"training_colours": [1]}, "training_colours must be"),
        ({"training_colours": {"colours": torch.zeros(0, 3), "counts": torch.zeros(0)}}, "training_colours must be"),
        ({"checksums": 5}, "checksums must be"),
    ],
)
def test_what_is_damaged_is_named_in_one_line(changes, message):
    with pytest.raises(InputError, match=message) as caught:
        checked(stored_content(**changes), "a.pt")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize("name", stored_content())
def test_every_entry_has_a_checksum(name):
    content = copy.deepcopy(stored_content())
    stored = {**content, "checksums": checksums(content)}
    other = "wgan" if isinstance(content[name], str) else 128
    if isinstance(content[name], dict):
        content[name]["another"] = torch.ones(1)
        stored[name] = content[name]
    else:
        stored[name] = other
    with pytest.raises(InputError, match=f"{name}.* (does not match its checksum|must be|is damaged)"):
        checked(stored, "a.pt")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (torch.zeros(2), torch.zeros(2, 1)),
        (torch.zeros(2), torch.zeros(2, dtype=torch.float64)),
        (torch.zeros(2), -torch.zeros(2)),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ({"a": {}, "b": 1}, {"a": {"b": 1}}),
        ([[1], 2], [[1, 2]]),
        ({0: 1}, {"0": 1}),
        (1, True),
    ],
)
def test_different_values_have_different_digests(first, second):
    assert digest(first) != digest(second)


def test_a_digest_is_of_the_values_however_they_lie():
    images = torch.randn(2, 3, 4, 5)
    assert digest(images) == digest(images.contiguous(memory_format=torch.channels_last))
    assert digest({"a": [1], "b": images}) == digest({"b": images, "a": (1,)})
