"""Pages about trust: releases, stores, membership of authorities, preflight."""
