import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.data.split import groups_with, joined_groups, share_warnings, split_by_group


def recoloured_heroes(groups: int, members: int, seed: int = 0):
    """Group ids [N] and labels [N, 3]: gender and class by group (classes unevenly), palette by member."""
    random = np.random.default_rng(seed)
    gender, hero_class = random.integers(0, 2, groups), np.minimum(random.geometric(0.3, groups) - 1, 8)
    ids = np.repeat([f"g{index}" for index in range(groups)], members)
    palette = np.tile(np.arange(members) % 5, groups)
    return ids, np.stack([gender.repeat(members), hero_class.repeat(members), palette], axis=1)


def test_no_group_is_cut_and_every_class_keeps_the_share():
    ids, labels = recoloured_heroes(400, 19)
    split = split_by_group(ids, labels, 0.2, seed=0)
    assert all(len(set(split[ids == group])) == 1 for group in set(ids))
    assert split.mean() == pytest.approx(0.2, abs=0.005)
    for column in labels.T:
        for index in set(column):
            chosen = split[column == index]
            assert chosen.mean() == pytest.approx(0.2, abs=max(0.02, 19 / len(chosen)))


def test_the_seed_decides_and_nothing_else():
    ids, labels = recoloured_heroes(60, 3)
    first = split_by_group(ids, labels, 0.25, seed=1)
    assert np.array_equal(first, split_by_group(ids, labels, 0.25, seed=1))
    assert not np.array_equal(first, split_by_group(ids, labels, 0.25, seed=2))


@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.2, 0.5]))
@settings(max_examples=30, deadline=None)
def test_a_class_of_two_groups_is_in_both_sides(seed, fraction):
    random = np.random.default_rng(seed)
    ids = np.arange(40) // 2
    labels = random.integers(0, 3, (20, 1)).repeat(2, axis=0)
    labels[:2], labels[2:4] = 7, 7  # two groups of class 7
    split = split_by_group(ids.astype(str), labels, fraction, seed)
    assert set(split[labels[:, 0] == 7]) == {0, 1}


def test_a_class_of_one_group_is_trained_on():
    labels = np.array([[0], [0], [0], [1]])
    for seed in range(10):
        assert split_by_group(["a", "b", "c", "d"], labels, 0.5, seed)[3] == 0


def test_without_labels_the_share_alone_counts():
    split = split_by_group([str(index) for index in range(100)], np.zeros((100, 0), int), 0.2, 0)
    assert split.sum() == 20


def test_nothing_is_held_out_of_a_single_group_or_for_a_share_of_zero():
    labels = np.zeros((4, 1), int)
    assert not split_by_group(["a"] * 4, labels, 0.5, 0).any()
    assert not split_by_group(list("abcd"), labels, 0, 0).any()


def test_a_combination_takes_whole_groups_and_only_those_in_which_it_occurs():
    groups = ["a", "a", "b", "b", "c", "c"]
    labels = np.array([[0, 0], [0, 1], [0, 1], [0, 1], [1, 0], [1, 1]])
    assert groups_with(groups, labels, [{0: 0, 1: 0}]).tolist() == [True, True, False, False, False, False]
    assert groups_with(groups, labels, [{0: 0, 1: 0}, {0: 1}]).tolist() == [True, True, False, False, True, True]
    assert not groups_with(groups, labels, []).any()


def test_groups_of_one_hero_are_joined_through_others_too():
    groups = pd.Series(["a", "b", "c", "d", "a"], list("vwxyz"))
    heroes = pd.Series(["1", "1", None, "2", "2"], list("vwxyz"), dtype=object)
    assert joined_groups(groups, heroes).tolist() == ["a", "a", "c", "a", "a"]


def test_a_share_far_from_the_one_asked_for_is_told():
    groups = np.repeat(["a", "b", "c"], [6, 2, 2])
    (line,) = share_warnings(groups, np.repeat([1, 0, 0], [6, 2, 2]), 0.2)
    assert "60.0%" in line and "held out" in line and "3 groups, the largest of 6" in line
    assert share_warnings(groups, np.repeat([0, 1, 0], [6, 2, 2]), 0.2) == []
