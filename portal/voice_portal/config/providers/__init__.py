"""The providers of identity that people sign in with: what is set of them, and what is wrong with it."""
