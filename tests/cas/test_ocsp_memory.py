"""Answers that a web process remembers: given out without Django, and not a second longer than they are true."""

import time
from datetime import timedelta
from typing import Any

import pytest
from cryptography.x509.ocsp import OCSPCertStatus, load_der_ocsp_response
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory

from accounts.models import User
from cas import ocsp_memory
from cas.models import Authority
from cas.ocsp_memory import Memory, in_front_of
from cas.services.signing import revoke_signing
from cas.views import revocation
from core import clock
from tests.cas.test_ocsp import NONCE, in_path, request_of
from tests.cas.test_ocsp import issuing as issuing
from tests.cas.test_revocation_lists import signed

pytestmark = pytest.mark.django_db(transaction=True)


class Web:
    """A web process: counts how often Django is asked."""

    def __init__(self) -> None:
        self.asked, self.status = 0, ""
        self.headers: dict[str, str] = {}
        self.django = WSGIHandler()
        self.application = in_front_of(self._django)

    def get(self, path: str, tag: str = "") -> bytes:
        environ = RequestFactory().get(path).environ | ({"HTTP_IF_NONE_MATCH": tag} if tag else {})
        return b"".join(self.application(environ, self._start))

    def _django(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.asked += 1
        return self.django(environ, start_response)

    def _start(self, status: str, headers: list[tuple[str, str]], *_: object) -> None:
        self.status, self.headers = status, dict(headers)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    memory = Memory()
    monkeypatch.setattr(ocsp_memory, "MEMORY", memory)
    monkeypatch.setattr(revocation, "MEMORY", memory)
    monkeypatch.setattr(ocsp_memory, "BELIEVED", 60.0)  # the machine of the test may be slow
    return Web()


def said(der: bytes) -> OCSPCertStatus:
    return load_der_ocsp_response(der).certificate_status


def test_what_was_answered_is_given_again_without_django(issuing: Authority, web: Web) -> None:
    path = in_path(request_of(issuing, signed(issuing)))
    first, headers = web.get(path), web.headers
    assert web.get(path) == first
    assert (web.asked, web.status) == (1, "200 OK")
    for name in ("Content-Type", "Content-Length", "ETag", "Expires", "Last-Modified"):
        assert web.headers[name] == headers[name]
    assert "must-revalidate" in web.headers["Cache-Control"]


def test_whoever_has_it_is_told_so(issuing: Authority, web: Web) -> None:
    path = in_path(request_of(issuing, signed(issuing)))
    web.get(path)
    assert web.get(path, tag=web.headers["ETag"]) == b""
    assert (web.status, "Content-Length" in web.headers, web.asked) == ("304 Not Modified", False, 1)


def test_a_revocation_is_known_when_the_memory_stops_to_believe_itself(
    issuing: Authority, web: Web, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when a memory believes itself for longer: nobody else asks for the sum."""
    row = signed(issuing)
    path = in_path(request_of(issuing, row))
    assert said(web.get(path)) is OCSPCertStatus.GOOD
    revoke_signing(row, actor=operator, reason="keyCompromise")
    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert said(web.get(path)) is OCSPCertStatus.REVOKED


def test_what_was_answered_under_another_sum_is_not_given(issuing: Authority, web: Web, operator: User) -> None:
    """Another request confirms the sum. Fails when revocations are not counted."""
    rows = [signed(issuing) for _ in range(2)]
    paths = [in_path(request_of(issuing, row)) for row in rows]
    web.get(paths[0])
    revoke_signing(rows[0], actor=operator, reason="keyCompromise")
    web.get(paths[1])
    assert said(web.get(paths[0])) is OCSPCertStatus.REVOKED


def test_it_is_signed_anew_after_half_of_its_life(issuing: Authority, web: Web) -> None:
    path, now = in_path(request_of(issuing, signed(issuing))), clock.now()
    web.get(path)
    with clock.at(now + timedelta(minutes=31)):
        web.get(path)
    assert web.asked == 2


def test_what_was_made_for_one_caller_or_is_unknown_is_not_remembered(issuing: Authority, web: Web) -> None:
    paths = [in_path(each) for each in (request_of(issuing, signed(issuing), nonce=NONCE), request_of(issuing, 5), b"")]
    for path in paths * 2:
        web.get(path)
        assert web.headers["Cache-Control"] == "no-store"
    assert web.asked == 6


def test_it_forgets_the_oldest(issuing: Authority, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocsp_memory, "MOST", 2)
    paths = [in_path(request_of(issuing, signed(issuing))) for _ in range(3)]
    for path in [*paths, *reversed(paths)]:
        web.get(path)
    assert web.asked == 4


def test_everything_else_goes_to_django(web: Web) -> None:
    web.get("/healthz")
    assert (web.asked, web.status) == (1, "200 OK")
