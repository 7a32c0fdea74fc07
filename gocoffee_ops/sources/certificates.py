"""When a server's certificate ends, read from the certificate itself: a failed verification does not say."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime

UTC_TIME = 0x17  # ASN.1: two-digit year; GeneralizedTime has four
EXPLICIT_VERSION = 0xA0
CERTIFICATE_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED
CERTIFICATE_NOT_YET_VALID = 9


def validity(der: bytes) -> tuple[datetime, datetime]:
    """notBefore and notAfter of a certificate in DER; raises ValueError when it is not one.

    Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version, serial, signature, issuer, validity, … } … }
    """
    try:
        _, certificate, _ = _element(der)
        _, body, _ = _element(certificate)
        tag, _, rest = _element(body)
        skip = 3 if tag == EXPLICIT_VERSION else 2
        for _ in range(skip):
            _, _, rest = _element(rest)
        _, span, _ = _element(rest)
        first_tag, first, rest = _element(span)
        last_tag, last, _ = _element(rest)
    except IndexError as error:
        raise ValueError("not a certificate") from error
    return _time(first_tag, first), _time(last_tag, last)


def fetch_validity(host: str, port: int, *, server_name: str = "", timeout_s: float = 5.0) -> tuple[datetime, datetime]:
    """notBefore and notAfter of what a server shows, without trusting it; raises OSError or ValueError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host, port), timeout=timeout_s) as plain,
        context.wrap_socket(plain, server_hostname=server_name or host) as wrapped,
    ):
        der = wrapped.getpeercert(binary_form=True)
    if der is None:
        raise ValueError("the server showed no certificate")
    return validity(der)


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """The first element's tag and content, and what follows it."""
    tag, length, at = data[0], data[1], 2
    if length & 0x80:
        octets = length & 0x7F
        length, at = int.from_bytes(data[2 : 2 + octets], "big"), 2 + octets
    return tag, data[at : at + length], data[at + length :]


def _time(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    return datetime.strptime(text, "%y%m%d%H%M%SZ" if tag == UTC_TIME else "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
