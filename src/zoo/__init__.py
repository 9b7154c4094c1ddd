"""The other families: a file each, network and training step together; `vqvae` and `diffusion` have parts beside it."""
