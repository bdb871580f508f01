from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from voice_portal.grafana import frontend, tokens
from voice_portal.grafana.frontend import Frontend


@pytest.fixture
def now():
    """The time at which a test runs: a token signed when the file was read would be too old after a long run."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def verify(token, key, **changes):
    expected = {"audience": "grafana", "issuer": "voice-portal", "algorithms": ["RS256"], **changes}
    (published,) = tokens.key_set(key)["keys"]
    return jwt.decode(token, jwt.PyJWK(published), **expected)


def test_the_token_is_what_the_architecture_promises(key, now):
    token = tokens.viewer_token("acme", key, now)
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "kid": "voice-portal", "typ": "JWT"}
    claims = verify(token, key)
    assert claims == {
        "iss": "voice-portal",
        "aud": "grafana",
        "sub": "client-acme",
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + 120,
    }


@pytest.mark.parametrize("client", ["admin", "", "../admin"])
def test_no_client_is_grafanas_administrator(key, client, now):
    assert verify(tokens.viewer_token(client, key, now), key)["sub"].startswith("client-")


def test_an_old_token_is_refused(key, now):
    token = tokens.viewer_token("acme", key, now - timedelta(seconds=121))
    with pytest.raises(jwt.ExpiredSignatureError):
        verify(token, key)


def test_the_key_set_holds_the_public_half_only(key):
    (published,) = tokens.key_set(key)["keys"]
    assert set(published) == {"kty", "n", "e", "kid", "alg", "use", "key_ops"}
    assert (published["kid"], published["alg"], published["use"]) == ("voice-portal", "RS256", "sig")


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_a_replaced_key_file_is_read_again(tmp_path, key):
    path = tmp_path / "key.pem"
    path.write_bytes(pem(key))
    assert tokens.load_key(path).private_numbers() == key.private_numbers()
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(pem(other))
    assert tokens.load_key(path).private_numbers() == other.private_numbers()


def test_another_kind_of_key_is_refused(tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(ValueError, match="RSA"):
        tokens.load_key(path)


def detect(answer):
    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        return frontend.detect("http://grafana/grafana", http)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        pytest.param(200, "", Frontend.ABSENT, id="server-only build answers pages with nothing"),
        pytest.param(200, "<html>a stand-in</html>", Frontend.ABSENT, id="stand-in"),
        pytest.param(200, '<html><script src="public/build/app.js"></script>', Frontend.PRESENT, id="the real thing"),
        pytest.param(404, "<script>", Frontend.ABSENT, id="an error page"),
        pytest.param(503, "", Frontend.AWAY, id="a proxy without Grafana"),
    ],
)
def test_the_body_tells_whether_grafana_has_pages(status, body, expected):
    assert detect(lambda request: httpx.Response(status, text=body)) is expected


def test_a_silent_grafana_is_away():
    def refuse(request):
        raise httpx.ConnectTimeout("no answer", request=request)

    assert detect(refuse) is Frontend.AWAY


def test_the_page_is_asked_for_below_the_prefix():
    asked = []

    def answer(request):
        asked.append(str(request.url))
        return httpx.Response(200)

    detect(answer)
    assert asked == ["http://grafana/grafana/login"]


def test_the_dashboards_address():
    path = frontend.dashboard_path("0b5f2c1e-8a77-4f3c-9d5e-1f2a3b4c5d6e", 7, "7d")
    assert path.startswith("/grafana/d/vp-0b5f2c1e8a774f3c9d5e1f2a3b4c5d6e/-?orgId=7&kiosk&")
    assert "&from=now-7d&to=now-1s&" in path
