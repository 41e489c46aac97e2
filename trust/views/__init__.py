"""Pages about trust: releases, stores, preflight, and the parts that other pages load."""
