"""The study: the conditional GAN, from its networks to its training step. Read top to bottom."""
