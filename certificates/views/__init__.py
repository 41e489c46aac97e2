"""Pages about requests and certificates."""
