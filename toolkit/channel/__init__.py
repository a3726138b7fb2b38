"""Payment channels, the off-chain half: states, peers and the protocol between two of them."""
