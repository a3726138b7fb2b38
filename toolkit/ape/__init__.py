"""What ape has of l2kit: the providers ``hardhat`` and ``l2kit``, and the names in its console.

The layer on top: it alone imports ape, and nothing below imports it. `toolkit.toolchain.ape` starts ape with it.
"""
