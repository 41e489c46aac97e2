"""Measured comparisons: `make bench`, or `make bench ONLY=name`."""
