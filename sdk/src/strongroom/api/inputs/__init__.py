"""What operations take, by domain."""
