"""Pages about people, vendors and the deployment."""
