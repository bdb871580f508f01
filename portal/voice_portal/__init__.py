"""The Django portal, and the owner of the database schema."""
