"""What is sent, by domain."""
