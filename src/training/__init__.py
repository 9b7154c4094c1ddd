"""The training loop and what it needs: data order, moving average, checkpoints, logs. Knows no family by name."""
