"""The main model: the conditional GAN.

In reading order: `conditioning`, `resnet` (the networks), `losses`, `penalties`, `diff_augment`,
`adaptive_augmentation`, `adversarial` and `conditional_gan` (the training step), `moving_average`. `resnet_gan` and
the baseline `cdcgan` (its networks are in `conditional_dcgan`) choose networks.
"""
