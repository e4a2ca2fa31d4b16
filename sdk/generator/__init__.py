"""Makes the typed helpers of the SDK."""
