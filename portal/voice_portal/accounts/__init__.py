"""Who logs in, and which clients each user may see."""
