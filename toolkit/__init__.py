"""l2kit."""
