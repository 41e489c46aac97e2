"""Pages about gateways."""
