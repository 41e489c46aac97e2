"""The first page: what needs the person, what ends when, how the fleet stands, and what happened last."""
