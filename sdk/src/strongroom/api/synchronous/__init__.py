"""What Api is made of, by domain."""
