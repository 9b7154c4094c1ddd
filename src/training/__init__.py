"""Training a family: `run` sets a run up, `trainer` is the loop. Neither knows a family by name.
`docs/training.md` follows a batch from file to file.

Then `checkpoint` (what a run is resumed from), `weights` (what is passed on), `from_weights` (a run that begins with
weights), `report` (metrics and grids).
"""
