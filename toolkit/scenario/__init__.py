"""The operator cheats, fails or vanishes: what users do about it, and what everybody has in the end."""
