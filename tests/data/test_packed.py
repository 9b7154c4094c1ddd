"""What is read of `portraits.npz` is what training takes it for, or it is refused in one line."""

import zipfile

import numpy as np
import pytest

from src.data.packed import load_portraits
from src.errors import InputError
from src.files import MARK


def _change(folder, **arrays):
    path = folder / "portraits.npz"
    with np.load(path) as packed:
        content = dict(packed)
    content.update({name: np.asarray(change(content[name])) for name, change in arrays.items()})
    np.savez(path, **content)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("images", lambda a: a.astype("f4"), "images are float32"),
        ("images", lambda a: a[0], "images are uint8"),
        ("images", lambda a: a[:, :8], "images are uint8"),
        ("images", lambda a: a[..., :3], "images are uint8"),
        ("images", lambda a: a[:0], "labels are int64"),
        ("images", lambda a: a[:, :0, :0], "images are uint8"),
        ("images", lambda a: np.uint8(3), "images are uint8"),
        ("labels", lambda a: a[:, :2], "labels are int64"),
        ("labels", lambda a: a[:, 0], "labels are int64"),
        ("labels", lambda a: a.astype("f8"), "labels are float64"),
        ("labels", lambda a: a - 1, "a label or part that there is not"),
        ("labels", lambda a: a + 99, "a label or part that there is not"),
        ("split", lambda a: a + np.uint8(1), "a label or part that there is not"),
        ("split", lambda a: a[1:], "split are uint8"),
        ("split", lambda a: a * 0 + np.uint8(1), "no portraits to train on"),
        ("group_ids", lambda a: a[1:], "group_ids are"),
        ("label_mappings", lambda a: "[" * 100_000, "label mapping"),
        ("label_mappings", lambda a: "[1]", "label mapping"),
        ("label_mappings", lambda a: '{"gender": 5}', "gender: Input should be an object"),
        ("label_mappings", lambda a: '{"gender": [1]}', "gender: Input should be an object"),
        ("label_mappings", lambda a: '{"gender": {}, "hero_class": {}, "palette": {}}', "must follow the sorted names"),
        ("label_mappings", lambda a: '{"gender": {"a": 1}}', "must follow the sorted names"),
        ("label_mappings", lambda a: '{"gender": {"a": 0, "b": true}}', "valid integer"),
    ],
)
def test_arrays_of_another_kind_are_refused(data_folder, name, change, message):
    _change(data_folder, **{name: change})
    with pytest.raises(InputError, match=message):
        load_portraits(data_folder)


def _flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def _encrypt(path):
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = content.find(signature)
        while place >= 0:
            content[place + flags] |= 1
            place = content.find(signature, place + 1)
    path.write_bytes(content)


def _objects(path):
    np.savez(path, images=np.array([{}], dtype=object), fingerprint="x")


def _member(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("fingerprint.npy", "no array")


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK nothing of the kind"),
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"),
        lambda path: path.write_bytes(path.read_bytes()[:-500]),
        lambda path: np.save(path.with_suffix(".npy"), np.zeros(3)) or path.with_suffix(".npy").replace(path),
        _flip,
        _encrypt,
        _objects,
        _member,
    ],
)
def test_a_damaged_file_is_one_line(data_folder, harm):
    harm(data_folder / "portraits.npz")
    with pytest.raises(InputError, match="is damaged"):
        load_portraits(data_folder)


def test_a_folder_in_which_a_command_was_stopped_is_refused(data_folder):
    (data_folder / MARK).write_text("build\n")
    with pytest.raises(InputError, match="`build` was stopped half-way"):
        load_portraits(data_folder)


def test_names_and_groups_come_with_the_portraits(data_folder):
    portraits = load_portraits(data_folder).conditioned_on(["gender"])
    assert portraits.filenames[5] == "05.png" and portraits.group_ids[5] == "g02"
