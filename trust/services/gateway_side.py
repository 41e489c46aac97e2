"""What the gateway itself needs: a name that the server compares, a key that it can use and be sent, and a kit whose
trust file it can read."""

from collections.abc import Iterator

from accounts.models import Deployment
from core import clock
from pki.csr import judge_key_for_station
from pki.errors import PkiError
from pki.eui import is_canonical
from pki.findings import Finding, Severity
from pki.kit import check_trust_pem
from pki.public_keys import load_public_key


def gateway_side(*, name: str, public_key: bytes) -> tuple[Finding, ...]:
    """Findings about the common name, the key (DER SubjectPublicKeyInfo), and the deployment's kit."""
    return (*_name(name), *_key(public_key), *_kit())


def _name(name: str) -> Iterator[Finding]:
    if is_canonical(name):
        yield Finding("name-is-eui", Severity.GOOD, "Its name is the EUI in 16 upper-case digits.")
        return
    message = f"Its name is “{name[:40]}”, and the server wants the EUI in 16 upper-case digits, compared exactly."
    yield Finding("name-not-eui", Severity.REFUSED, message, "Make it again with the EUI as its only common name.")


def _key(public_key: bytes) -> Iterator[Finding]:
    try:
        yield judge_key_for_station(load_public_key(public_key))
    except PkiError as error:
        yield Finding(error.code, Severity.REFUSED, error.message)


def _kit() -> Iterator[Finding]:
    deployment = Deployment.objects.first()
    trust = deployment.cups_trust if deployment else ""
    if not trust:
        message = "Station kits lack the certificate by which the gateway knows its CUPS server."
        yield Finding("kit-trust-missing", Severity.WARNING, message, "An operator adds it in the settings.")
        return
    try:
        check_trust_pem(trust.encode(), now=clock.now())
    except PkiError as error:
        yield Finding("kit-trust-unreadable", Severity.WARNING, error.message, "An operator mends it in the settings.")
    else:
        yield Finding("kit-trust", Severity.GOOD, "The trust file of the station kit is one that a Station reads.")
