"""Networks as plain `nn.Module`s: one file a network. A network knows no file, no loss and no optimizer."""
