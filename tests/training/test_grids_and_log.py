"""Sample grids, the metrics table and the status line."""

import math

import numpy as np
import pytest
import torch

from src.errors import InputError
from src.training.budget import Budget
from src.training.grids import COLUMNS, diversity, grid_labels, grid_latents, spread_within_rows, to_rgba
from src.training.log import MetricsTable, RunningMeans, duration, read_metrics, status_line
from src.training.report import grid_name


def test_grid_rows_show_every_class_about_equally_often():
    random = np.random.RandomState(0)
    # Unevenly distributed: the rarest class of the second attribute has a hundredth of the portraits.
    labels = np.stack(
        [random.randint(0, 2, 3000), random.choice(9, 3000, p=[0.01, *[0.12375] * 8]), random.randint(0, 5, 3000)],
        axis=1,
    )
    rows = grid_labels(labels)
    assert len(rows) == 18 and len({tuple(row) for row in rows}) == 18
    for column, classes in zip(rows.T, (2, 9, 5), strict=True):
        shown = np.bincount(column, minlength=classes)
        assert shown.min() >= 1 and shown.max() - shown.min() <= 2


def test_grid_rows_are_cells_of_the_data():
    labels = np.array([[0, 1], [0, 1], [1, 0]])
    assert grid_labels(labels).tolist() == [[0, 1], [1, 0]]
    # Without attributes: six rows alike, to see more than eight samples.
    assert grid_labels(np.zeros((5, 0), np.int64)).shape == (6, 0)


def test_no_two_steps_share_the_name_of_their_grids():
    names = [grid_name(seen, 48) for seen in range(48, 5000, 48)]
    assert len(set(names)) == len(names) and names == sorted(names)
    assert names[0] == "000000_048" and grid_name(2016, 48) == "000002"


def test_grid_latents_are_the_same_every_time_and_all_different():
    latents = grid_latents(3, 12, seed=0)
    assert latents.shape == (3 * COLUMNS, 12)
    assert torch.equal(latents, grid_latents(3, 12, seed=0))
    assert len({tuple(latent) for latent in latents.tolist()}) == 3 * COLUMNS


def test_spread_is_zero_for_copies_and_the_distance_for_alternating_portraits():
    rows = torch.zeros(2 * COLUMNS, 4, 2, 2)
    assert not spread_within_rows(rows).any()
    rows[::2] = 0.5
    torch.testing.assert_close(spread_within_rows(rows), torch.full((2, COLUMNS), 0.5))


def test_diversity_leaves_out_labels_of_a_single_portrait():
    """Such a portrait fills its row, and would count as a label without variety."""
    reals, samples = torch.zeros(2 * COLUMNS, 4, 2, 2), torch.zeros(2 * COLUMNS, 4, 2, 2)
    reals[:COLUMNS:2], samples[:COLUMNS:2], samples[COLUMNS::2] = 0.5, 0.25, 0.9
    assert diversity(samples, reals) == pytest.approx(0.5)
    assert math.isnan(diversity(samples, torch.zeros_like(reals)))


def test_samples_become_pixels_with_binary_alpha():
    images = torch.tensor([-1.0, 0.0, 1.0, 0.01]).view(1, 4, 1, 1)
    assert to_rgba(images).tolist() == [[[[0, 128, 255, 255]]]]
    images[:, 3] = -0.1
    assert to_rgba(images).tolist() == [[[[0, 0, 0, 0]]]]


def test_means_over_the_steps_that_have_a_value():
    means = RunningMeans()
    means.add({"a": torch.tensor(1.0), "lazy": torch.tensor(5.0)})
    means.add({"a": torch.tensor(2.0)})
    assert means.take() == {"a": 1.5, "lazy": 5.0}
    assert means.take() == {}


def test_means_keep_no_graph_and_lose_no_digits():
    means, ones = RunningMeans(), torch.ones((), requires_grad=True)
    for value in (1.0, 2**-10):  # whose sum bf16 cannot hold
        means.add({"a": ones * torch.tensor(value, dtype=torch.bfloat16)})
    assert not means.sums["a"].requires_grad
    assert means.take() == {"a": (1 + 2**-10) / 2}


def test_table_grows_columns_and_drops_rows_beyond_the_checkpoint(tmp_path):
    path = tmp_path / "metrics.csv"
    table = MetricsTable(path, 0)
    table.add({"kimg": 1.0, "loss": 0.5})
    table.add({"kimg": 2.0, "loss": 0.25, "r1": 3.0})
    table.add({"kimg": 3.0, "loss": 0.125})
    assert read_metrics(path) == [
        {"kimg": 1.0, "loss": 0.5},
        {"kimg": 2.0, "loss": 0.25, "r1": 3.0},
        {"kimg": 3.0, "loss": 0.125},
    ]
    MetricsTable(path, 2.0).add({"kimg": 2.5, "loss": 0.0})
    assert [row["kimg"] for row in read_metrics(path)] == [1.0, 2.0, 2.5]
    MetricsTable(path, 0).add({"kimg": 1.0})
    assert read_metrics(path) == [{"kimg": 1.0}]


def test_status_line_estimates_what_is_left():
    row = {"kimg": 10.0, "images_per_second": 50.0, "loss_generator": 1.0}
    line = status_line(row, Budget(images=100_000))
    assert "10.00 / 100 kimg" in line and "30 min left" in line
    line = status_line(row, Budget.of_minutes(5.0))
    assert "10.00 kimg" in line and "5 min left" in line
    assert [duration(s) for s in (42, 3600, 5 * 3600 + 61)] == ["42 s", "60 min", "5 h 01 min"]


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan"), float("inf")])
def test_minutes_are_a_time(minutes):
    with pytest.raises(InputError, match="minutes must be positive"):
        Budget.of_minutes(minutes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"garbage\n", "no column 'kimg'"),
        (b"", "is empty"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (b"kimg,loss\n1.0,x\n", "something else than numbers"),
        (b"kimg,loss\n,2.0\n", "rows without their kimg"),
        (b"kimg,loss\nnan,2.0\n", "rows without their kimg"),
        (b"kimg,loss\n1.0,2.0,3.0\n", "mend the row"),
        (b'kimg,loss\n"1.0,2.0\n', "quote"),
    ],
)
def test_a_damaged_table_of_metrics_is_refused_in_one_line(tmp_path, content, message):
    (tmp_path / "metrics.csv").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_metrics(tmp_path / "metrics.csv")
    assert "\n" not in str(caught.value)
