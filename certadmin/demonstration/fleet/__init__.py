"""A fleet of any size for benches: planned from a seed, really signed, and written in bulk by two processes."""
