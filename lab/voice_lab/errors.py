"""What the lab says when it cannot go on."""


class LabError(Exception):
    """Something the person at the keyboard can mend; the text says what is wrong and how to mend it."""
