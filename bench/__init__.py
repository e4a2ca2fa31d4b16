"""Measurements, not tests: `make bench` compares, `make soak` lasts. Results are recorded in results/."""
