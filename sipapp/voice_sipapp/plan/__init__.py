"""What is to be called, when, and by which host."""
