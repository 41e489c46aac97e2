"""Pages about what ends."""
