"""Bringing what there is to what is declared: which client, what differs, how much may go, when again."""
