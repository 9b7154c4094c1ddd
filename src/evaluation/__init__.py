"""Judging samples without downloads: how like the reals, how obedient, is it pixel art, did it copy; a report."""
