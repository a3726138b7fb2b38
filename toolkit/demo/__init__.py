"""Demonstrations: each protocol used once, every step told with its gas, every balance checked."""

SUBJECTS = ("deposit", "withdraw", "channel", "fraud", "all")
"""What can be demonstrated."""
