"""The board's buttons, clicked."""

import io

import numpy as np
import pytest
from PIL import Image

from src.play import board as boards
from src.play.regions import face
from src.sampling import sample
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

    (button,) = buttons(board.view)
    button.click()
    return board.line.value


def test_a_hero_is_sampled_chosen_redrawn_kept_and_exported(board, tmp_path):
    assert click(board, "Redraw") == "not possible: sample some heroes first"
    board.labels["gender"].value, board.seed.value = "feminine", 3
    assert click(board, "Sample") == ""
    expected = sample(board.model, 2, 3, {"gender": "feminine"})
    assert (board.candidates.portraits == expected.portraits).all()
    board.number.value = 1
    hero = board.hero
    assert (hero.portraits[0] == expected.portraits[1]).all()
    click(board, "Keep")
    board.what.value = "the box"
    board.rows.value = (8, 16)
    picture = np.asarray(Image.open(io.BytesIO(board.hero_image.value)))
    assert picture[48:, :96].max() <= 255 // 3 < picture[:48, :96].max()
    board.what.value = "all but the face"
    assert click(board, "Redraw") == ""
    assert (board.candidates.portraits[:, face(16)] == hero.portraits[0][face(16)]).all()
    assert click(board, "Change").startswith("not possible: this hero was redrawn")
    board.number.value = 0
    click(board, "Keep")
    assert click(board, "Export").startswith("2 portraits in ")
    assert len(list((tmp_path / "favourites").glob("hero_*.png"))) == 2


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
    board.number.value = 1
    assert click(board, "Steps from the last kept") == "" and len(board.candidates.portraits) == boards.STEPS


def test_a_hero_is_shown_large_and_as_it_is(board):
    click(board, "Sample")
    picture = np.asarray(Image.open(io.BytesIO(board.hero_image.value)))
    assert picture.shape == (6 * 16, 6 * 16 + 4 + 16, 3)
    assert (picture[: 6 * 16 : 6, : 6 * 16 : 6] == picture[:16, -16:]).all()
