"""The other families: one file each, network and training step together."""
