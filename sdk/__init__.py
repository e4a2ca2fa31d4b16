"""The SDK, and what makes parts of it."""
