"""Palette memory: the last ones are held, and drawn."""

import torch

from src.families.palette_memory import PaletteMemory


def numbered(*numbers):
    """Palettes and shares of two entries, all values the number."""
    values = torch.tensor(numbers, dtype=torch.float32)
    return values[:, None, None].expand(-1, 2, 3), values[:, None].expand(-1, 2)


def test_only_what_was_added_is_drawn_each_palette_with_its_shares():
    memory = PaletteMemory(8, 2)
    memory.add(*numbered(0.1, 0.2, 0.3))
    palettes, shares = memory.draw(200)
    assert palettes.shape == (200, 2, 3)
    assert shares.shape == (200, 2)
    assert torch.equal(palettes[:, 0, 0], shares[:, 0])
    assert sorted(set(shares[:, 0].tolist())) == torch.tensor([0.1, 0.2, 0.3]).tolist()


def test_new_palettes_take_the_places_of_the_oldest():
    memory = PaletteMemory(4, 2)
    for first in range(0, 9, 3):
        memory.add(*numbered(first, first + 1, first + 2))
    assert set(memory.draw(200)[1][:, 0].tolist()) == {5, 6, 7, 8}


def test_a_memory_goes_on_from_its_state():
    memory, other = PaletteMemory(4, 2), PaletteMemory(4, 2)
    memory.add(*numbered(1, 2, 3))
    other.load_state_dict(memory.state_dict())
    for one in (memory, other):
        one.add(*numbered(4, 5))
    assert torch.equal(memory.palettes, other.palettes)
    assert set(other.draw(200)[1][:, 0].tolist()) == {2, 3, 4, 5}
