"""The addresses at which a provider sends browsers back."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Paths:
    """Of one provider, on this portal.

    Attributes:
        complete: OpenID Connect's redirect URI; SAML's assertion consumer service.
        ended: SAML's single logout service.
        metadata: what this portal says of itself; also its entity id.
    """

    complete: str
    ended: str
    metadata: str


def paths_of(provider: str) -> Paths:
    """The paths of the provider of that name."""
    return Paths(f"/login/{provider}/complete/", f"/login/{provider}/ended/", f"/login/{provider}/metadata.xml")
