"""Training a family: `run` sets a run up, `trainer` is the loop. Neither knows a family by name."""
