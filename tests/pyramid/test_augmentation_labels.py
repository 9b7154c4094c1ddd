"""What is said of a change is what was done."""

from __future__ import annotations

import torch

from src.pyramid.augmentation_labels import change_counts, mirrored_and_moved, no_change, reaches


def test_every_change_is_the_one_that_is_told():
    """Undone by hand, pixel by pixel, with a second implementation: roll, and transparency where it came in."""
    torch.manual_seed(0)
    portraits = torch.rand(64, 4, 32, 32) * 2 - 1
    changed, changes = mirrored_and_moved(portraits)
    reach_down, reach_right = reaches(32)
    for before, after, (mirror, down, right) in zip(portraits, changed, changes.tolist(), strict=True):
        down, right = down - reach_down, right - reach_right
        expected = torch.roll(before.flip(2) if mirror else before, (down, right), dims=(1, 2))
        rows, columns = torch.arange(32), torch.arange(32)
        outside_rows = (rows < down) | (rows >= 32 + down)
        outside_columns = (columns < right) | (columns >= 32 + right)
        expected[:, outside_rows] = -1
        expected[:, :, outside_columns] = -1
        assert torch.equal(after, expected)


def test_half_stay_as_they_are_and_every_change_occurs():
    torch.manual_seed(0)
    portraits = torch.rand(4000, 1, 16, 16)
    changed, changes = mirrored_and_moved(portraits)
    same = (changes == no_change(4000, 16, torch.device("cpu"))).all(dim=1)
    assert torch.equal(changed[same], portraits[same])
    # Half, and of the others one in eighteen: 0.528, known to 0.008.
    assert abs(same.float().mean() - (0.5 + 0.5 / 18)) < 0.03
    assert change_counts(16) == [2, 3, 3] and change_counts(64) == [2, 5, 9]
    for column, values in enumerate(change_counts(16)):
        assert changes[:, column].unique().tolist() == list(range(values))
