"""Smooth art: what becomes of paintings and photographs."""

import numpy as np
import pytest
from PIL import Image

from src.__main__ import main
from src.data.build import build_dataset
from src.data.clean import PrepareOptions
from src.data.data_card import DATA_CARD
from src.data.folder import prepare_folder
from src.data.pictures import draw_palette_measures, draw_swatches
from src.data.smooth import RESAMPLING, fit_smooth, group_near_duplicates, is_smooth, perceptual_hash, read_smooth
from src.errors import InputError
from src.images import BadImage, read_rgba
from tests.data.art import CLOTH, hero
from tests.tables import read_rows

SMOOTH = PrepareOptions(kind="smooth")


def painting(seed: int, height: int = 60, width: int = 48) -> np.ndarray:
    """Soft clouds of colour, uint8 `[height, width, 3]`."""
    coarse = np.random.default_rng(seed).integers(0, 256, (10, 8, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture
def images(tmp_path):
    """Six paintings, of which one came twice: smaller, and saved as JPEG."""
    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(6):
        Image.fromarray(painting(seed)).save(folder / f"{seed}.png")
    Image.fromarray(painting(3)).resize((40, 50)).save(folder / "3_again.jpg", quality=70)
    return folder


def test_most_of_a_folder_refused_as_smooth_is_told_what_to_do(images, tmp_path, capsys):
    assert main(["prepare", "--images", str(images), "--data", str(tmp_path / "data")]) == 2
    message = capsys.readouterr().err
    assert "7 of 7 pictures are photographs or smooth art; prepare such a set with --smooth" in message
    for shape in range(3):
        Image.fromarray(hero(shape, CLOTH["warm"])).save(images / f"hero{shape}.png")
    assert "--smooth" in " ".join(prepare_folder(images, tmp_path / "data").warnings)
    for shape in range(3, 9):
        Image.fromarray(hero(shape, CLOTH["warm"])).save(images / f"hero{shape}.png")
    assert "--smooth" not in " ".join(prepare_folder(images, tmp_path / "data").warnings)


def test_paintings_become_a_set_without_a_palette_rule(images, tmp_path):
    data = tmp_path / "data"
    assert main(["prepare", "--images", str(images), "--data", str(data), "--smooth", "--size", "32"]) == 0
    rows = {row["filename"]: row for row in read_rows(data / "sprites_raw.csv")}
    assert {row["status"] for row in rows.values()} == {"accepted"}
    assert rows["3.png"]["group_id"] == rows["3_again.jpg"]["group_id"]
    assert len({row["group_id"] for row in rows.values()}) == 6
    assert (read_rgba(data / "prepared" / "0.png")[..., 3] == 255).all()
    report = build_dataset(data)
    assert report.portraits == 7 and not report.class_counts and report.ambiguous == 0
    assert "smooth art" in (data / DATA_CARD).read_text()
    draw_swatches(data), draw_palette_measures(data)


@pytest.mark.parametrize(("fit", "corner"), [("crop", False), ("pad", True)])
def test_the_middle_is_cropped_or_all_is_padded(fit, corner):
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, 20:60] = 100
    portrait = fit_smooth(picture, 32, fit)
    assert portrait.shape == (32, 32, 4)
    assert (portrait[0, 0, :3] == 255).all() == corner
    assert (portrait[16, 16, :3] == 100).all()
    if fit == "crop":
        assert abs(portrait[:, 1:-1, :3].astype(int) - 100).max() <= 8  # the filter looks a little beyond


@pytest.mark.parametrize("resample", RESAMPLING)
def test_resizing_averages_over_what_a_pixel_covers(resample):
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 200
    assert abs(fit_smooth(stripes, 32, resample=resample)[4:-4, 4:-4, :3].astype(int) - 100).max() <= 4


def test_a_picture_is_read_upright_and_opaque(tmp_path):
    picture = Image.fromarray(painting(0, 40, 20)).convert("RGBA")
    picture.putpixel((0, 0), (0, 0, 0, 102))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    picture.save(tmp_path / "turned.png", exif=exif)
    read = read_smooth(tmp_path / "turned.png")
    assert read.shape == (20, 40, 3)
    assert read[0, -1].tolist() == [153, 153, 153]  # three fifths of white


def test_what_cannot_be_a_portrait_is_refused():
    with pytest.raises(BadImage, match="too small"):
        fit_smooth(painting(0, 40, 15), 32)
    with pytest.raises(BadImage, match="one colour"):
        fit_smooth(np.full((40, 40, 3), 7, np.uint8), 32)
    with pytest.raises(InputError, match="pixel art"):
        PrepareOptions(kind="smooth", colours=8)
    for wrong in ({"kind": "soft"}, {"kind": "smooth", "fit": "squeeze"}, {"kind": "smooth", "resample": "magic"}):
        with pytest.raises(InputError, match="there are"):
            PrepareOptions(**wrong)


def test_tiles_are_not_cut_from_smooth_art(images, tmp_path):
    with pytest.raises(InputError, match="--tiles"):
        prepare_folder(images, tmp_path / "data", tiles=16, options=SMOOTH)


def test_near_duplicates_are_found_also_mirrored_and_darker():
    portraits = {f"{seed}.png": fit_smooth(painting(seed), 32) for seed in range(8)}
    portraits["mirrored.png"] = portraits["2.png"][:, ::-1]
    portraits["darker.png"] = (portraits["5.png"] * [0.7, 0.7, 0.7, 1]).astype(np.uint8)
    groups = group_near_duplicates({name: perceptual_hash(one) for name, one in portraits.items()})
    assert {group.members for group in groups if len(group.members) > 1} == {
        ("2.png", "mirrored.png"),
        ("5.png", "darker.png"),
    }
    assert len({group.group_id for group in groups}) == len(groups) == 8


def test_smooth_sets_are_told_from_pixel_art():
    assert is_smooth(np.stack([fit_smooth(painting(seed), 32) for seed in range(3)]))
    assert not is_smooth(np.stack([hero(shape, CLOTH["warm"]) for shape in range(3)]))
