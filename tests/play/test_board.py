"""The board's buttons, clicked."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from src.errors import InputError
from src.export.portraits import read_portraits
from src.play import board as boards
from src.play.redraw import pick
from src.play.regions import face
from src.sampling import load_model, sample, vary
from tests.play.models import write_tiny


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_tiny("palette_pyramid", tmp_path_factory.mktemp("weights") / "heroes.safetensors")


@pytest.fixture
def board(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(boards, "COUNT", 2)
    monkeypatch.setattr(boards, "STEPS", 4)
    return boards.Board(weights, tmp_path / "favourites")


def click(board, name):
    def buttons(widget):
        yield from [widget] if getattr(widget, "description", "") == name else []
        for child in getattr(widget, "children", ()):
            yield from buttons(child)

    button, *_ = buttons(board.view)
    assert not button.disabled
    button.click()
    return board.line.value


def test_a_hero_is_sampled_chosen_redrawn_kept_and_exported(board, tmp_path):
    assert click(board, "Redraw") == "not possible: sample some heroes first"
    board.labels["gender"].value, board.seed.value = "feminine", 3
    assert click(board, "Sample") == ""
    expected = sample(board.model, 2, 3, {"gender": "feminine"})
    assert (board.candidates.portraits == expected.portraits).all()
    click(board, "1")
    hero = board.hero
    assert (hero.portraits[0] == expected.portraits[1]).all()
    click(board, "Keep")
    assert click(board, "Keep") == "not possible: this hero is kept already"
    board.what.value = "the box"
    board.columns.value, board.rows.value = (0, 16), (8, 16)
    picture = np.asarray(Image.open(io.BytesIO(board.hero_image.value)))
    assert picture[48:, :96].max() <= 255 // 3 < picture[:48, :96].max()
    board.what.value = "all but the face"
    assert click(board, "Redraw") == ""
    assert (board.candidates.portraits[:, face(16)] == hero.portraits[0][face(16)]).all()
    assert click(board, "Change").startswith("not possible: this hero was redrawn")
    click(board, "Keep")
    assert "2 portraits" in click(board, "Export")
    assert read_portraits(tmp_path / "favourites" / "portraits").entries[1]["redrawn_from"]["seed"] == 4
    assert {path.name for path in (tmp_path / "favourites").iterdir()} >= {"heroes.png", "heroes.json", "heroes.gpl"}
    click(board, "Drop")
    assert len(board.favourites) == 1 and board.favourites[0].origins[0]


def test_back_and_again(board):
    assert click(board, "Back").startswith("not possible") and click(board, "Again, next seeds").startswith("not")
    click(board, "Sample")
    click(board, "1")
    hero = board.hero
    click(board, "Redraw")
    redrawn = board.candidates.portraits
    click(board, "Again, next seeds")
    assert board.seed.value == 2 and (board.candidates.portraits != redrawn).any()
    assert (board.candidates.portraits[:, face(16)] == hero.portraits[0][face(16)]).all()
    click(board, "Back")
    click(board, "Back")
    assert (board.hero.portraits == hero.portraits).all()


def test_it_begins_with_heroes_given_and_shows_what_matters(weights, tmp_path):
    board = boards.Board(weights, tmp_path, sample(load_model(weights), 3, 5))
    assert board.hero.seeds == (5,) and board.seed.value == 5 and len(board.candidates_view.children) == 3
    assert board.rows.layout.display == "none"
    board.what.value = "the box"
    assert board.rows.layout.display == "flex"


def test_the_manifest_says_what_the_samples_were_given(board, tmp_path):
    (tmp_path / "my.hex").write_text("102030\n8090a0\nf0f0f0\n")
    board.palette_file.value = str(tmp_path / "my.hex")
    board.guidance.value = 2
    click(board, "Sample")
    click(board, "Keep")
    click(board, "Export")
    (entry,) = read_portraits(tmp_path / "favourites" / "portraits").entries
    assert (entry["guidance"], entry["palette_file"]) == (2, "my.hex")


def test_every_way_of_redrawing_shows_some(board):
    click(board, "Sample")
    board.columns.value, board.rows.value = (2, 9), (3, 12)
    for what in ("the box", boards.COLOURS, f"{boards.LIKE}8"):
        assert what in board.what.options
        board.what.value = what
        assert click(board, "Redraw") == "", what
        assert len(board.candidates.portraits) == boards.COUNT
    click(board, "Sample")
    board.attribute.value = "palette"
    assert click(board, "Change") == "" and len(board.candidates.portraits) == 2
    assert click(board, "Steps from the last kept").startswith("not possible: keep a hero first")
    click(board, "Keep")
    board.choose(1)
    assert click(board, "Steps from the last kept") == "" and len(board.candidates.portraits) == boards.STEPS


def test_a_hero_is_shown_large_and_as_it_is(board):
    click(board, "Sample")
    picture = np.asarray(Image.open(io.BytesIO(board.hero_image.value)))
    assert picture.shape == (6 * 16, 6 * 16 + 4 + 16, 3)
    assert (picture[: 6 * 16 : 6, : 6 * 16 : 6] == picture[:16, -16:]).all()


def test_a_variation_is_of_the_guidance_that_its_hero_had(board, tmp_path):
    board.guidance.value = 2
    click(board, "Sample")
    hero = board.hero
    board.guidance.value = 1
    assert click(board, "Change") == ""
    expected = vary(load_model(board.checkpoint, 2), board.attribute.value, 1, hero.seeds[0], hero.labels[0])
    assert (board.candidates.portraits == expected.portraits).all()
    changed = next(index for index, labels in enumerate(expected.labels) if labels != hero.labels[0])
    assert pick(board.candidates, changed).origins == ({"guidance": 2, "varied_from": hero.labels[0]},)


def test_favourites_of_another_day_stay(weights, tmp_path):
    """Also where a redrawn one has the seed and labels of another: it cannot be drawn again."""
    model = load_model(weights)
    heroes = sample(model, 3, 5)
    first, second = pick(heroes, 0), pick(heroes, 1)
    other = replace(second, seeds=first.seeds, labels=first.labels, origins=({"redrawn_from": {"seed": 9}},))
    for favourites in ([first, pick(heroes, 2)], [other], [first]):
        boards.export_favourites(favourites, tmp_path, model)
    found = read_portraits(tmp_path / "portraits")
    expected = {hero.portraits.tobytes() for hero in (first, other, pick(heroes, 2))}
    assert len(found.files) == 3 and {image.tobytes() for image in found.images} == expected
    assert [entry.get("redrawn_from") for entry in found.entries].count({"seed": 9}) == 1
    with pytest.raises(InputError, match="portraits must be of one size"):
        found.joined(replace(found, images=found.images[:, :8, :8]))
