"""What is locked never changes, what is not does, and the same seed gives the same."""

import numpy as np
import pytest

from src.errors import InputError
from src.images import count_colours
from src.play.redraw import more_like, open_labels, pick, recolour, redraw, together
from src.play.regions import box, face, nothing
from src.play.steps import composed, mix, pair_colours, steps
from src.sampling import Sampled
from tests.play.models import heroes, tiny


@pytest.fixture(scope="module")
def model():
    return tiny("palette_pyramid")


@pytest.mark.parametrize("kept", [face(16), ~face(16), box(16, 3, 2, 9, 16)], ids=["face", "rest", "box"])
def test_kept_pixels_stay_and_the_others_are_the_seeds(model, kept):
    hero = heroes(1)
    redrawn = redraw(model, hero, kept, 2, seed=5)
    assert (redrawn.portraits[:, kept] == hero.portraits[0][kept]).all()
    changed = (redrawn.portraits != hero.portraits).any(axis=-1)[:, ~kept]
    assert changed.mean() > 0.3
    own = {tuple(colour) for colour in hero.portraits.reshape(-1, 4).tolist()}
    assert {tuple(colour) for colour in redrawn.portraits.reshape(-1, 4).tolist()} <= own
    again = redraw(model, hero, kept, 1, seed=6)
    assert (again.portraits[0] == redrawn.portraits[1]).all()
    assert redrawn.seeds == (5, 6) and not (redrawn.portraits[0] == redrawn.portraits[1]).all()
    assert redrawn.origins[0] == {"redrawn_from": {"seed": 0, **hero.labels[0]}}


def test_more_like_one_is_new_but_in_its_colours(model):
    hero = heroes(1)
    written = more_like(model, hero, 8, 2).portraits
    assert not (written[0] == written[1]).all()
    own = {tuple(colour) for colour in hero.portraits.reshape(-1, 4).tolist()}
    assert {tuple(colour) for colour in written.reshape(-1, 4).tolist()} <= own


def test_other_colours_move_no_pixel(model):
    two = heroes(2)
    recoloured = recolour(model, two, "cool", 2)
    assert [labels["palette"] for labels in recoloured.labels] == ["cool"] * 4
    for index, portrait in enumerate(recoloured.portraits):
        before = two.portraits[index // 2]
        assert (portrait[..., 3] == before[..., 3]).all() and not (portrait == before).all()
        pairs = np.unique(np.concatenate([before, portrait], axis=-1).reshape(-1, 8), axis=0)
        assert len(pairs) == len(np.unique(before.reshape(-1, 4), axis=0))


def test_colours_are_paired_and_both_ends_are_exact():
    first, second = heroes(1, 6).portraits[0], heroes(1, 4, seed=1).portraits[0]
    pairs = pair_colours(first, second)
    everywhere = np.ones((16, 16), bool)
    assert (composed(pairs, ~everywhere, 0.0) == first).all()
    assert (composed(pairs, everywhere, 1.0) == second).all()
    half = composed(pairs, box(16, 0, 0, 16, 8), 0.5)
    assert count_colours(half) <= 5 and (half[8:, :, 3] == first[8:, :, 3]).all()
    swapped = pair_colours(second, first)
    assert (composed(swapped, everywhere, 1.0) == first).all()


def test_steps_begin_and_end_at_the_heroes_and_are_near_to_each_other(model):
    two = heroes(2)
    way = steps(model, pick(two, 0), pick(two, 1), 4)
    assert (way.portraits[[0, -1]] == two.portraits).all()
    half = mix(model, pick(two, 0), pick(two, 1), [0.5], [0.0]).portraits[0]
    assert (half[:7] == two.portraits[0, :7]).all()
    assert (half[9:, :, 3] == two.portraits[1, 9:, :, 3]).all()
    with pytest.raises(InputError, match="at least 3 steps"):
        steps(model, pick(two, 0), pick(two, 1), 2)


def test_favourites_are_one_set(model):
    both = together([pick(heroes(3), 2), redraw(model, heroes(1), face(16))])
    assert both.seeds == (2, 0) and both.origins[0] == {} and both.origins[1]["redrawn_from"]["seed"] == 0
    varied = Sampled(heroes(1).portraits, (4,), ({"gender": "a"},), "gender", ({"gender": "b"},))
    assert pick(varied, 0).origins == ({"varied_from": {"gender": "b"}},)


def test_labels_that_are_not_given_are_left_open(model):
    assert open_labels(model, {"hero_class": "mage"}).tolist() == [[2, 2, 2]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: redraw(model, heroes(1), ~nothing(16)), "leave some of it"),
        (lambda model: more_like(model, heroes(1), 12), "one of the sides 8, 16, not 12"),
        (lambda model: more_like(model, heroes(1), 16), "leave some of it"),
        (lambda model: recolour(model, heroes(1), "mauve"), "choose one of: cool, warm"),
        (lambda model: redraw(tiny("resnet_gan"), heroes(1), face(16)), "resnet_gan cannot keep a part"),
        (lambda model: pick(heroes(2), 2), "they are 0 to 1"),
        (lambda model: together([]), "choose some first"),
        (lambda model: box(16, 4, 4, 4, 9), "columns 4 to 4"),
    ],
)
def test_what_cannot_be_is_one_line(model, call, message):
    with pytest.raises(InputError, match=message):
        call(model)
