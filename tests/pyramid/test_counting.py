"""A pointer knows which entries a map has already, and how often."""

import torch

from src.pyramid.counting import Counting, counted

ENTRIES, WIDTH = 4, 6


def test_known_pixels_are_counted_entry_by_entry():
    pixels = torch.tensor([[[1, 1, 2], [0, 3, 3], [3, 3, 2]]])
    known = torch.tensor([[[True, True, False], [True, True, False], [True, False, False]]])
    assert counted(pixels, known, ENTRIES).tolist() == [[1, 2, 0, 2]]


def test_an_entrys_vector_changes_with_its_own_count_and_not_with_pixels_to_come():
    counting = Counting(WIDTH)
    torch.nn.init.normal_(counting.counts[-1].weight)
    vectors, parent = torch.randn(1, ENTRIES, WIDTH), torch.zeros(1, 2, 2, dtype=torch.int64)
    pixels, known = torch.zeros(1, 4, 4, dtype=torch.int64), torch.zeros(1, 4, 4, dtype=torch.bool)
    known[0, 0, :2] = True
    before = counting(vectors, parent, pixels, known, torch.tensor([5]))
    pixels[0, 0, 0] = 2
    pixels[0, 3, 3] = 1  # not written
    change = (counting(vectors, parent, pixels, known, torch.tensor([5])) - before).abs().amax(dim=(0, 2))
    assert (change > 1e-6).tolist() == [True, False, True, False]
