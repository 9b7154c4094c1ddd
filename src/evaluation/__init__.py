"""Evaluating samples without downloads: distances to the reals, label accuracy, pixel art, copies; a report."""
