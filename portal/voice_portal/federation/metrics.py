"""What is counted of sign-ins with providers, for Prometheus. No label holds a person's name."""

from prometheus_client import Counter

from voice_portal.federation.refusals import BadAnswer, NotSignedIn, ProviderAway, ProviderSaysNo, Refused

OUTCOMES = {Refused: "refused", BadAnswer: "bad-answer", ProviderSaysNo: "provider-says-no", ProviderAway: "away"}

SIGN_INS = Counter(
    "voice_portal_federated_sign_ins_total",
    "Sign-ins with providers that ended: succeeded; renewed (nobody was asked); refused (no group of theirs opens"
    " anything, or the like); bad-answer (forged, late, used); provider-says-no; away (the provider does not answer)",
    ["outcome"],
)
for _outcome in ("succeeded", "renewed", *OUTCOMES.values()):
    SIGN_INS.labels(_outcome)


def succeeded(*, is_renewal: bool) -> None:
    """Somebody is signed in, or still is."""
    SIGN_INS.labels("renewed" if is_renewal else "succeeded").inc()


def failed(error: NotSignedIn) -> None:
    """Somebody is not."""
    SIGN_INS.labels(OUTCOMES[type(error)]).inc()
