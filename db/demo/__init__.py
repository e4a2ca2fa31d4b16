"""Sample data for `make demo`: what a platform's older software might have left behind."""
