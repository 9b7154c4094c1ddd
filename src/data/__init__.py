"""From raw files to the one file training reads: `folder` (notebook 01), `build` (notebook 02), `packed`."""
