"""What one value alone cannot tell: checks of several against each other."""
