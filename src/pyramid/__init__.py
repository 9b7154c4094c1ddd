"""The palette pyramid: a palette, then maps of its entries from coarse to fine, every pixel a choice.

p(portrait | labels) = p(palette | labels) p(map 8 | palette, labels) p(map 16 | map 8, ...) ... p(map 64 | map 32, ...)

Read in this order: `maps` (what a portrait becomes), `turns` (in which order a map is written), `palette_encoder`,
`coarse_map`, `finer_map`, `copying`, `counting`, `palette_writer` (the networks), `pyramid` (loss and sampling).

Next-scale prediction (VAR; Tian et al., 2024) made Markovian (HMAR; Kumbong et al., 2025), with masked generation
inside a scale (Parallel Multiscale PixelCNN; Reed et al., 2017; MaskGIT; Chang et al., 2022), and exact colours in
place of learned codes.
"""
