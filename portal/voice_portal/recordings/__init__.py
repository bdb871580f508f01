"""Recordings of calls: a player with its wave form for the page of a call, and the sound that it plays."""
