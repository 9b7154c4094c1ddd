"""Palettes: their category, their files, snapping to one, fewer colours."""
