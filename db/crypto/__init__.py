"""Sealing: the root keyring, sealed values, and the tokens that older software left behind."""
