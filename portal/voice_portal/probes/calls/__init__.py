"""Finding calls: search, exports, and what a call's rating consists of."""
