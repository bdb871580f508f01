"""Telling the users: statuses of their objects, and Events for what really changed."""
