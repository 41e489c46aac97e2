"""What people and machines do about trust: groups, releases, stores."""
