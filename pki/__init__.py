"""Certificates, EUIs, chains, profiles, bundles and wire formats: plain values and pure functions."""
