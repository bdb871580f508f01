"""Names: of the platform, of clients, of the domain, and what AWS calls things."""

from __future__ import annotations

import difflib
import re

from voice_cdk.config.faults import SHOWN, shown
from voice_cdk.config.keys import Unfit, text

LONGEST_NAME = 32
CHART_NAMESPACE = "voice-quality"
"""Where operator and portal run."""
LONGEST_LABEL, LONGEST_DOMAIN = 63, 253
"""RFC 1035, section 2.3.4."""
LONGEST_MAIL_ADDRESS = 254
"""RFC 5321, section 4.5.3.1.3, without the angle brackets."""

REGIONS = (
    *("af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3"),
    *("ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4"),
    *("ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1"),
    *("eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3"),
    *("il-central-1", "me-central-1", "me-south-1", "mx-central-1", "sa-east-1"),
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
)
"""Regions of the partition `aws` (AWS's endpoints of November 2026)."""
EXAMPLE_REGION = "eu-west-1"

NOT_PUBLIC = ("alt", "arpa", "internal", "invalid", "local", "localhost", "onion", "test")
"""Last labels for which no public authority gives a certificate (RFC 6761, 7686, 9476; ICANN for `internal`)."""

_KUBERNETES = "this namespace is Kubernetes's own"
_TAKEN = {
    "default": _KUBERNETES,
    CHART_NAMESPACE: "this namespace is the platform's own, where operator and portal run",
    # Every object of JavaScript has it, so AWS CDK finds it among the parts of a stack that has none yet.
    "constructor": "AWS CDK takes a stack's part of this name for one that is there already",
}
_ZONE_ID = re.compile(r"Z[0-9A-Z]{1,31}")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_ARN = 'such as "arn:aws:acm:eu-west-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef"'


def platform(value: object) -> str:
    """Return the platform's name, with which the names of its stacks begin (CloudFormation: letters, digits, hyphens).

    Raises:
        Unfit: AWS takes it for no such name.
    """
    name = text(value, 'a name such as "voice"')
    if len(name) > LONGEST_NAME:
        raise Unfit(
            f"{shown(name)} has {len(name)} characters; write {LONGEST_NAME} at most, since names begin with it"
        )
    if not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name):
        raise Unfit(f"{shown(name)} is not made of small letters, digits and hyphens, a letter first; {_instead(name)}")
    if "--" in name:
        raise Unfit(f"{shown(name)} has two hyphens in a row, which RDS and ECR take in no name; {_instead(name)}")
    if name.startswith(("aws", "ssm")):
        raise Unfit(f"{shown(name)} begins as names that AWS keeps for itself (aws, ssm); choose another")
    return name


def client(name: str) -> str | None:
    """Return what is wrong with a client's name, which is its namespace (Kubernetes: a DNS label, RFC 1123)."""
    if not name:
        return "a client without a name; write one, such as acme"
    if len(name) > LONGEST_LABEL:
        return f"the name has {len(name)} characters, and a namespace has {LONGEST_LABEL} at most; shorten it"
    if not _LABEL.fullmatch(name):
        return f"the name is not made of small letters, digits and hyphens between them; {_instead(name)}"
    why = _KUBERNETES if name.startswith("kube-") else _TAKEN.get(name)
    return f"{why}; choose another name" if why else None


def account(value: object) -> str:
    """Return the number of an AWS account.

    Raises:
        Unfit: it is none.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        raise Unfit("this is a number, which loses leading zeros; write its 12 digits between quotes")
    number = text(value, 'the 12 digits of the account, such as "111122223333"')
    if re.fullmatch(r"[0-9]{4}([- ][0-9]{4}){2}", number):
        raise Unfit(f'{shown(number)} has separators; write "{re.sub("[- ]", "", number)}"')
    if not re.fullmatch(r"[0-9]{12}", number):
        raise Unfit(f"{shown(number)} is not the 12 digits of an account; `aws sts get-caller-identity` shows them")
    return number


def region(value: object) -> str:
    """Return a region of AWS.

    Raises:
        Unfit: there is none of this name, or none that the platform is made for.
    """
    name = text(value, f'a region such as "{EXAMPLE_REGION}"')
    if name in REGIONS:
        return name
    if name[:-1] in REGIONS and name[-1:].isalpha():
        raise Unfit(f'{shown(name)} is a zone; write its region, "{name[:-1]}"')
    if name.startswith(("cn-", "us-gov-", "eusc-", "us-iso", "eu-iso")):
        raise Unfit(
            f"{shown(name)} is in another partition than aws, whose names of hosts and ARNs differ; choose another"
        )
    near = difflib.get_close_matches(name.lower()[:SHOWN], REGIONS, 1, 0.6)
    mend = f'write "{near[0]}", if that is meant' if near else f'write one, such as "{EXAMPLE_REGION}"'
    raise Unfit(f"AWS has no region {shown(name)}; {mend}")


def zone(value: object) -> str:
    """Return the text of an availability zone; whether there is one depends on the region.

    Raises:
        Unfit: it is no text.
    """
    return text(value, 'a zone such as "eu-west-1a"')


def domain(value: object) -> str:
    """Return a name of the public DNS.

    Raises:
        Unfit: it cannot be one, or not one with a certificate.
    """
    name = text(value, 'a name such as "voice.example.net"')
    if problem := _domain(name):
        raise Unfit(f"{shown(name)} {problem}")
    return name


def zone_id(value: object) -> str:
    """Return the id of a hosted zone of Route 53.

    Raises:
        Unfit: it is none.
    """
    written = text(value, 'the id of the hosted zone, such as "Z0123456789EXAMPLE"')
    if written.startswith("/hostedzone/"):
        raise Unfit(f"{shown(written)} is the path of the zone; write {shown(written.removeprefix('/hostedzone/'))}")
    if not _ZONE_ID.fullmatch(written):
        raise Unfit(
            f"{shown(written)} is no id of a hosted zone, which is a Z and up to 31 capitals and digits; "
            "`aws route53 list-hosted-zones` shows it"
        )
    return written


def certificate(value: object) -> str:
    """Return the ARN of a certificate of ACM.

    Raises:
        Unfit: it is none, or of another service or partition.
    """
    arn = text(value, f"the ARN of a certificate of ACM, {_ARN}")
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        raise Unfit(f"{shown(arn)} is no ARN, which has six parts between colons, {_ARN}; copy it from ACM")
    if parts[1] != "aws":
        raise Unfit(f"{shown(arn)} is of the partition {shown(parts[1])}, and the platform is in aws; {_make()}")
    if parts[2] != "acm":
        raise Unfit(
            f"{shown(arn)} is of the service {shown(parts[2])}, and the load balancer takes one of acm; {_make()}"
        )
    if not re.fullmatch(r"[0-9]{12}", parts[4]):
        raise Unfit(f"{shown(arn)} has no account of 12 digits in it; copy it from ACM")
    kind, _, id_ = parts[5].partition("/")
    if kind != "certificate" or not _UUID.fullmatch(id_):
        raise Unfit(f"{shown(arn)} does not end with certificate/ and the id of one, {_ARN}; copy it from ACM")
    return arn


def mail_address(value: object) -> str:
    """Return an address of mail.

    Raises:
        Unfit: it is none, or several.
    """
    wanted = 'one address of mail, such as "voice-alarms@example.net"'
    address = text(value, wanted)
    if re.search(r"[,;\s]", address):
        raise Unfit(f"{shown(address)} is more than one address; write one, of a list if several are to get it")
    local = address.partition("@")[0]
    dots = local.startswith(".") or local.endswith(".") or ".." in address
    if len(address) > LONGEST_MAIL_ADDRESS or dots or not _MAIL.fullmatch(address):
        raise Unfit(f"{shown(address)} is no address of mail; write {wanted}, without a name around it")
    return address


def _domain(name: str) -> str | None:
    """Return what is wrong with a name of the DNS, as the end of a sentence."""
    labels = name.split(".")
    bad = [label for label in labels if not _LABEL.fullmatch(label)]
    faults = (
        (_ZONE_ID.fullmatch(name), "is the id of a hosted zone; write the zone's name, and the id as zone_id"),
        (any(each in name for each in "/:@"), "is more than a name; leave out scheme, port and path"),
        (not name.isascii(), "is not in the DNS's own letters; write it as xn--…"),
        (name.endswith("."), "ends with a dot; leave it out"),
        (name != name.lower(), f"has capitals; write {shown(name.lower())}"),
        (len(name) > LONGEST_DOMAIN, f"has {len(name)} characters; the DNS takes {LONGEST_DOMAIN}: shorten it"),
        (len(labels) == 1, 'has one part only; write it in full, such as "voice.example.net"'),
        (bad, f"has the part {shown(''.join(bad[:1]))}, which is not of letters, digits and hyphens; correct it"),
        (
            labels[-1] in NOT_PUBLIC or labels[-1].isdigit(),
            f"ends with .{labels[-1]}, for which nobody gives a certificate; take a name of the public DNS",
        ),
    )
    return next((sentence for wrong, sentence in faults if wrong), None)


def _instead(name: str) -> str:
    """Return what to write instead."""
    near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:LONGEST_NAME].strip("-")
    return f'write "{near}", for example' if near else "choose another"


def _make() -> str:
    return "make one in ACM, in the platform's region"
