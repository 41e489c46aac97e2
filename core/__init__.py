"""Glue without models: errors, the one clock, leases, the bell, rendering, object stores, template tags."""
