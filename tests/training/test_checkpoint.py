"""Checkpoints: atomic, plain, pruned."""

import os
import pickle
import zipfile

import pytest
import torch

from src.errors import InputError
from src.training import checkpoint as module
from src.training.checkpoint import load_checkpoint, save_checkpoint
from tests.conftest import stored_content
from tests.same import assert_same


def save(folder, images_seen, keep=3, value=1.0):
    content = stored_content(state={"weight": torch.full((2,), value)})
    return save_checkpoint(folder, content, images_seen, keep)


def test_round_trip_and_names(tmp_path):
    path = save(tmp_path, 12_345)
    assert path.name == "000012.pt"
    for name in ("000012.pt", "latest.pt"):
        content = load_checkpoint(tmp_path / name)
        assert content["images_seen"] == 12_345
        assert torch.equal(content["state"]["weight"], torch.ones(2))


def test_only_the_newest_are_kept(tmp_path):
    (tmp_path / "best.pt").write_bytes(b"somebody's own")
    for kimg in range(1, 7):
        save(tmp_path, kimg * 1000, keep=2, value=kimg)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000005.pt", "000006.pt", "best.pt", "latest.pt"]
    assert load_checkpoint(tmp_path / "latest.pt")["state"]["weight"][0] == 6
    # A run that went back to an older checkpoint does not lose what it writes to those it went back behind.
    for kimg in (2, 3, 4):
        assert save(tmp_path, kimg * 1000, keep=2, value=10 + kimg).exists()
    assert sorted(path.stem for path in tmp_path.glob("0*.pt")) == ["000003", "000004", "000005", "000006"]


@pytest.mark.parametrize("fault", ["save", "replace"])
def test_a_failure_while_writing_leaves_the_checkpoint_before(tmp_path, monkeypatch, fault):
    save(tmp_path, 1000, value=1)
    before = (tmp_path / "latest.pt").read_bytes()

    def half_a_file(content, file):
        file.write(b"half")
        raise OSError("no space left on device")

    def no_rename(*_):
        raise OSError("no rename")

    if fault == "save":
        monkeypatch.setattr(module.torch, "save", half_a_file)
    else:
        monkeypatch.setattr(module.os, "replace", no_rename)
    with pytest.raises(InputError, match=r"cannot be written \(no .*latest.pt is the one before") as caught:
        save(tmp_path, 1000, value=2)
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert (tmp_path / "latest.pt").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["000001.pt", "latest.pt"]
    assert load_checkpoint(tmp_path / "000001.pt")["state"]["weight"][0] == 1


def test_a_copy_stands_in_where_the_disk_knows_no_links(tmp_path, monkeypatch):
    def no_link(*_):
        raise OSError("not supported")

    monkeypatch.setattr(module.os, "link", no_link)
    save(tmp_path, 1000)
    assert load_checkpoint(tmp_path / "latest.pt")["images_seen"] == 1000


def test_what_a_killed_run_left_half_written_is_swept_up(tmp_path):
    (tmp_path / ".0123456789abcdef.4711.tmp").write_bytes(b"half a checkpoint")
    save(tmp_path, 8000)
    assert sorted(os.listdir(tmp_path)) == ["000008.pt", "latest.pt"]


class Payload:
    def __reduce__(self):
        return (os.system, ("echo unsafe",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no checkpoint at"),
        (b"", "is empty; fetch or write it again"),
        (b"PK\x03\x04 broken", "cut short"),
        ({"weight": 1}, "no checkpoint of this project"),
        ({"format": 99, "images_seen": 1}, "format 99"),
        ({"format": "1", "images_seen": 1}, "format '1'"),
        ({"format": 1, "images_seen": Payload()}, "something else than tensors"),
        ({"format": 1, "images_seen": 1}, "family is missing"),
        (pickle.dumps({"format": 1, "images_seen": Payload()}), "something else than tensors"),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "x.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(InputError, match=message) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_a_torchscript_program_is_refused_as_such(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        for name in ("x/constants.pkl", "x/data.pkl", "x/version"):
            archive.writestr(name, "3\n")
    with pytest.raises(InputError, match="is a TorchScript program"):
        load_checkpoint(tmp_path / "x.pt")


def test_a_truncated_checkpoint_is_refused(tmp_path):
    path = save(tmp_path, 1000)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="is cut short"):
        load_checkpoint(path)


def test_no_flipped_bit_goes_unnoticed(tmp_path):
    path = save(tmp_path, 1000)
    whole, content = path.read_bytes(), load_checkpoint(path)
    refused = 0
    for place in range(0, len(whole), 41):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        try:
            assert_same(load_checkpoint(path), content)  # where nothing is stored
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 5


def test_a_checkpoint_of_an_earlier_version_has_no_checksums(tmp_path):
    content = {"format": 1, **stored_content()}
    content["within_label_distance"] = content.pop("intra_class_distance")
    del content["training_colours"]
    torch.save(content, tmp_path / "old.pt")
    assert load_checkpoint(tmp_path / "old.pt")["intra_class_distance"] == 0.5
