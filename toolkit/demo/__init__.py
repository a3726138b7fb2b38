"""Demonstrations: each protocol used once, every step told with its gas, every balance checked."""
