"""`python django_ca_run.py csrs|ocsp PROCESSES < CSRS`: how many certificates, or OCSP answers, django-ca makes in a
second. CSRs come as a JSON list of PEM; a number goes out. Run by django-ca's own Python."""

import base64
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "django_ca_settings"
django.setup()

from cryptography import x509  # noqa: E402  Django is set up first
from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.serialization import Encoding  # noqa: E402
from cryptography.x509.ocsp import OCSPRequestBuilder, OCSPResponseStatus, load_der_ocsp_response  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import RequestFactory  # noqa: E402
from django.urls import resolve, reverse  # noqa: E402
from django_ca.models import Certificate, CertificateAuthority  # type: ignore[import-not-found]  # noqa: E402  it is in its own environment
from django_ca.profiles import profiles  # type: ignore[import-not-found]  # noqa: E402  as above

ANSWERS = 1500  # by each process


def prepare() -> None:
    call_command("migrate", verbosity=0)
    call_command("init_ca", "Peer", "CN=Peer", key_type="EC", path_length=None)
    ca = CertificateAuthority.objects.get()
    ca.generate_ocsp_key(ca.key_backend.get_use_private_key_options(ca, {}))


def issue(csrs: list[str]) -> None:
    ca = CertificateAuthority.objects.get()
    options = ca.key_backend.get_use_private_key_options(ca, {})
    for pem in csrs:
        csr = x509.load_pem_x509_csr(pem.encode())
        Certificate.objects.create_cert(ca, options, csr, profiles["client"], subject=csr.subject)


def questions(count: int) -> list[str]:
    """Addresses that ask about certificates, by GET."""
    ca = CertificateAuthority.objects.get()
    made = [each.pub.loaded for each in Certificate.objects.all()[:count]]
    asked = (OCSPRequestBuilder().add_certificate(each, ca.pub.loaded, hashes.SHA1()).build() for each in made)
    encoded = (base64.b64encode(each.public_bytes(Encoding.DER)).decode() for each in asked)
    return [reverse("django_ca:ocsp-cert-get", kwargs={"serial": ca.serial, "data": each}) for each in encoded]


def answer(addresses: list[str]) -> None:
    """By the view itself, without a server before it."""
    found = [(RequestFactory().get(each), resolve(each)) for each in addresses]
    for place in range(ANSWERS):
        request, match = found[place % len(found)]
        content = match.func(request, *match.args, **match.kwargs).content
        if place == 0 and load_der_ocsp_response(content).response_status is not OCSPResponseStatus.SUCCESSFUL:
            raise RuntimeError("no answer")


def _warm() -> None:
    django.setup()
    list(CertificateAuthority.objects.all())


def main(what: str, processes: int) -> None:
    csrs: list[str] = json.load(sys.stdin)
    prepare()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_warm) as pool:
        list(pool.map(issue, [csrs[place : place + 1] for place in range(processes * 4)]))
        if what == "csrs":
            parts = [csrs[first : first + 100] for first in range(0, len(csrs), 100)]
            rate = _rate(len(csrs), lambda: list(pool.map(issue, parts)))
        else:
            asked = questions(processes * 4)
            rate = _rate(ANSWERS * processes, lambda: list(pool.map(answer, [asked] * processes)))
    print(rate)


def _rate(count: int, act: Any) -> float:
    start = time.perf_counter()
    act()
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
