"""Hero portrait generator: prepare pixel-art portraits, train a conditional GAN on them, draw new heroes."""
