"""Others that issue certificates, measured beside us in the same run. `scripts/bench-peers` installs them."""
