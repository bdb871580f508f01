"""Why somebody is not signed in. Each says so to a person; what only operators may know goes to the log."""

from http import HTTPStatus


class NotSignedIn(Exception):
    """`sentence` is for the person, `reason` for the log: it never holds a token."""

    status = HTTPStatus.FORBIDDEN
    title = "You are not signed in"

    def __init__(self, sentence: str, reason: str = "") -> None:
        super().__init__(reason or sentence)
        self.sentence = sentence


class Refused(NotSignedIn):
    """The provider says who it is, and the portal does not let them in. `who` is their name there."""

    title = "You may not sign in here"

    def __init__(self, sentence: str, reason: str, who: str = "") -> None:
        super().__init__(sentence, reason)
        self.who = who


class BadAnswer(NotSignedIn):
    """What came back is not what the provider would have sent, or not to this browser, or not now."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, reason: str) -> None:
        super().__init__(
            "This sign-in cannot be completed: it was begun elsewhere, took too long, or was used.", reason
        )


class ProviderSaysNo(NotSignedIn):
    """The provider itself did not sign the person in; `code` is its own word (RFC 6749, 4.1.2.1)."""

    def __init__(self, provider: str, code: str) -> None:
        super().__init__(f"{provider} did not sign you in.", f"the provider answers {code!r}")
        self.code = code


class ProviderAway(NotSignedIn):
    """The provider does not answer, or not in time, or not as its settings say."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = "Signing in is not possible at the moment"

    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(f"{provider} does not answer. Wait a moment, then try again.", reason)
