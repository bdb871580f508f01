"""Encrypted media (SRTP and SRTCP, RFC 3711) with the one suite of `sdes`, by libsrtp."""

import os

import pylibsrtp

from voice_sipapp.media.sdes import KEY_OCTETS


class SrtpError(Exception):
    """A packet that can't be read or made; the text says why."""


def new_key() -> bytes:
    """A key (and salt) for one stream of ours, never used before."""
    return os.urandom(KEY_OCTETS)


class Sender:
    """Encrypts what one stream sends with our own `key`."""

    def __init__(self, key: bytes) -> None:
        self._session = _session(key, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)

    def rtp(self, packet: bytes) -> bytes:
        """`packet` encrypted and signed. Raises SrtpError."""
        try:
            return self._session.protect(packet)
        except (pylibsrtp.Error, ValueError) as error:
            raise SrtpError(str(error)) from error

    def rtcp(self, packet: bytes) -> bytes:
        """An RTCP `packet` encrypted and signed. Raises SrtpError."""
        try:
            return self._session.protect_rtcp(packet)
        except (pylibsrtp.Error, ValueError) as error:
            raise SrtpError(str(error)) from error


class Receiver:
    """Decrypts what the far end sends with its `key`. Copies of a packet are refused (replay protection)."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self._session = _session(key, pylibsrtp.Policy.SSRC_ANY_INBOUND)

    def rtp(self, packet: bytes) -> bytes:
        """`packet` in the clear. Raises SrtpError where it is not what the holder of the key sent."""
        try:
            return self._session.unprotect(packet)
        except (pylibsrtp.Error, ValueError) as error:
            raise SrtpError(str(error)) from error

    def rtcp(self, packet: bytes) -> bytes:
        """An RTCP `packet` in the clear. Raises SrtpError as `rtp` does."""
        try:
            return self._session.unprotect_rtcp(packet)
        except (pylibsrtp.Error, ValueError) as error:
            raise SrtpError(str(error)) from error


def _session(key: bytes, ssrcs: int) -> pylibsrtp.Session:
    profile = pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80
    return pylibsrtp.Session(pylibsrtp.Policy(key=key, ssrc_type=ssrcs, srtp_profile=profile))
