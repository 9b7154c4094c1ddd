"""Typed configurations."""

import pytest

from src.config import TrainingConfig, differences, make_config, parse_assignments
from src.errors import InputError


def test_later_layers_win_and_texts_are_read_as_the_fields_type():
    config = make_config(TrainingConfig, {"kimg": 5, "batch_size": 8}, {"kimg": "7.5", "condition_on": "none"})
    assert (config.kimg, config.batch_size, config.condition_on) == (7.5, 8, "none")
    assert isinstance(make_config(TrainingConfig, {"kimg": 5}).kimg, float)


@pytest.mark.parametrize("values", [{"batch_size": 1.5}, {"batch_size": True}, {"kimg": "long"}, {"seed": None}])
def test_a_wrong_type_is_refused(values):
    with pytest.raises(InputError, match=f"{next(iter(values))} takes a value of type"):
        make_config(TrainingConfig, values)


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(InputError, match=r"unknown setting 'bath_size'.*batch_size, bits_count, checkpoint_kimg"):
        make_config(TrainingConfig, {"bath_size": 8})


def test_assignments():
    assert parse_assignments(["a=1", "b=x=y"]) == {"a": "1", "b": "x=y"}
    for wrong in ("a", "=1"):
        with pytest.raises(InputError, match="name=value"):
            parse_assignments([wrong])


def test_differences_leave_out_what_changes_no_step():
    before = TrainingConfig(kimg=1.0, batch_size=8)
    assert differences(before, TrainingConfig(kimg=2.0, batch_size=16, log_kimg=9.0)) == ["batch_size: 8 -> 16"]
