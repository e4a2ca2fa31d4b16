"""What AsyncApi is made of, by domain."""
