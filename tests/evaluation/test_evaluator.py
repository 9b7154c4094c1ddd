"""The evaluator that every command shares, on reals, on one flat colour and on copies."""

from types import SimpleNamespace

import numpy as np
import pytest

from src.errors import InputError
from src.evaluation import report_rows
from src.evaluation.distances import Metric
from src.evaluation.evaluator import COMPARED, Evaluator
from src.evaluation.portrait_set import PortraitSet
from src.labels import LabelSpecification

pytestmark = pytest.mark.usefixtures("fp32", "quick_evaluation")  # what evaluates trains in the hardware's format


@pytest.fixture
def evaluator(data_folder):
    return Evaluator(data_folder, log=lambda line: None)


def test_it_knows_reals_from_one_flat_colour(evaluator):
    flat = np.broadcast_to(np.uint8([200, 30, 60, 255]), (12, 16, 16, 4)).copy()
    labels = evaluator.real.labels
    real = evaluator.real_metrics(12)
    fake = evaluator.metrics(PortraitSet(flat, labels, evaluator.specification))
    attributes = evaluator.specification.names
    assert (
        set(real)
        == set(fake)
        == {
            *COMPARED,
            *(f"accuracy_{name}" for name in attributes),
            "colours_median",
            "diversity",
            "copies_share",
        }
    )
    assert real["frechet_random"].value < fake["frechet_random"].value
    assert real["coverage"].value > fake["coverage"].value and real["recall"].value > fake["recall"].value
    assert fake["colours_median"] == Metric(1.0, 0.0) and real["colours_median"].value > 1
    assert fake["diversity"].value < 0.01 and real["diversity"].value == pytest.approx(1.0, abs=0.1)
    # All look the same, so the classifier predicts one class: it is right as often as that class was requested.
    for column, name in enumerate(attributes):
        shares = np.bincount(labels[:, column]) / 12
        assert any(fake[f"accuracy_{name}"].value == pytest.approx(share) for share in (*shares, 0.0))


def test_it_finds_copies_and_no_fault_with_validation_portraits(evaluator):
    assert evaluator.metrics(evaluator.train[:12])["copies_share"].value == 1
    assert evaluator.real_metrics(12)["copies_share"].value == 0


def test_the_ceiling_is_measured_once_a_count(evaluator, monkeypatch):
    first = evaluator.real_metrics(12)
    monkeypatch.setattr(evaluator, "metrics", None)
    assert evaluator.real_metrics(12) is first


def test_labels_are_measured_for_the_attributes_that_a_set_has(evaluator):
    some = evaluator.real.labelled_by(("palette",))
    assert list(evaluator.label_accuracy(some)) == ["palette"]
    assert evaluator.label_accuracy(evaluator.real.labelled_by(())) == {}


def test_the_unseen_combinations_are_those_that_no_training_portrait_has(evaluator):
    seen = {tuple(row) for row in evaluator.train.labels.tolist()}
    everything = evaluator.validation
    unseen = evaluator.unseen_combinations(everything)
    assert len(unseen) == sum(tuple(row) not in seen for row in everything.labels.tolist())
    assert all(tuple(row) not in seen for row in unseen.labels.tolist())


def test_too_few_validation_portraits_are_one_line(data_folder):
    packed = dict(np.load(data_folder / "portraits.npz"))
    np.savez(data_folder / "portraits.npz", **{**packed, "split": (np.arange(48) < 3).astype(np.uint8)})
    with pytest.raises(InputError, match="45 training and 3 validation portraits, at least 8 of each"):
        Evaluator(data_folder)


def test_a_side_that_cannot_be_halved_twice_is_one_line(data_folder):
    packed = dict(np.load(data_folder / "portraits.npz"))
    np.savez(data_folder / "portraits.npz", **{**packed, "images": packed["images"][:, :14, :14]})
    with pytest.raises(InputError, match="portraits of 14 pixels; measures need a multiple of 4"):
        Evaluator(data_folder)


@pytest.mark.parametrize("single", [False, True])
def test_validation_portraits_that_are_not_to_be_halved_are_one_line(data_folder, single):
    packed = dict(np.load(data_folder / "portraits.npz"))
    groups = packed["split"].astype("<U6")
    if single:
        groups[np.flatnonzero(packed["split"])[0]] = "single"
    np.savez(data_folder / "portraits.npz", **{**packed, "group_ids": groups})
    with pytest.raises(InputError, match="validation portraits of one group alone"):
        Evaluator(data_folder)


def test_the_likelihood_is_of_the_models_labels_in_whatever_order_the_data_have_them(evaluator, monkeypatch):
    names = ("palette", "gender")
    labels = LabelSpecification({name: evaluator.specification.attributes[name] for name in names})
    seen = []

    def measure(model, images, labels, count):
        seen.append(labels)
        return {}

    monkeypatch.setattr(report_rows, "measure_likelihood", measure)
    sides = {"real": evaluator.validation, "copies": evaluator.train}
    rows = {name: report_rows.Row(side) for name, side in sides.items()}
    report_rows.add_likelihood(rows, evaluator, SimpleNamespace(labels=labels))
    columns = [evaluator.specification.column(name) for name in names]
    for labels, side in zip(seen, sides.values(), strict=True):
        assert np.array_equal(labels, side.labels[:, columns])


def test_smooth_art_is_spared_the_measures_of_pixel_art(evaluator):
    assert not evaluator.smooth and "outline" in evaluator.pixel_art_measures(evaluator.real)
    evaluator.smooth = True
    assert set(evaluator.pixel_art_measures(evaluator.real)) == {"colours", "partial_alpha", "blur"}
