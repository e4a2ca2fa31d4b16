"""The audit log: deeds, the chains that vouch for them, reading and verifying it."""
