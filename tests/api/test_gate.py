"""The way to the API: tokens, limits, and answers that are given once."""

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accounts.models import Answer, ApiToken, User, Vendor
from accounts.services import answers
from accounts.services.api_tokens import revoke_token
from accounts.tasks import forget_answers
from audit.models import Record
from core import clock
from gateways.models import Gateway
from tests.api.conftest import EUI, Program, ProgramOf


def test_whatever_opens_nothing_is_answered_alike(vendor_user: User, program_of: ProgramOf) -> None:
    ended, revoked = program_of(vendor_user, days=1), program_of(vendor_user)
    assert ended.token is not None
    assert revoked.token is not None
    ApiToken.objects.filter(pk=ended.token.pk).update(expires_at=clock.now())
    revoke_token(revoked.token, actor=vendor_user)
    wrong = [Program(""), Program("cad_wrong"), Program("x" * 5000), ended, revoked]
    told = {(each.get("/me").status_code, each.get("/me").content) for each in wrong}
    assert len(told) == 1
    assert told.pop()[0] == 401
    assert Program("").get("/me")["WWW-Authenticate"].startswith("Bearer")


def test_a_session_opens_nothing_here(operator: User, client_of: object) -> None:
    """So nothing can be forged from another site: fails when cookies count."""
    client: Client = client_of(operator)  # type: ignore[operator]  # a fixture
    assert client.get("/api/v1/me").status_code == 401


def test_use_is_noted_once_a_minute(vendor_user: User, program_of: ProgramOf) -> None:
    program, now = program_of(vendor_user), clock.now()
    seen = []
    for seconds in (0, 30, 70):
        with clock.at(now + timedelta(seconds=seconds)):
            program.get("/me")
        seen.append(ApiToken.objects.get().last_used_at)
    assert seen == [now, now, now + timedelta(seconds=70)]


def test_too_many_calls_wait_for_the_next_minute(vendor_user: User, program_of: ProgramOf, settings: Settings) -> None:
    settings.API_CALLS_PER_MINUTE = 3
    program, now = program_of(vendor_user), clock.now().replace(second=10, microsecond=0)
    with clock.at(now):
        left = [program.get("/me")["RateLimit-Remaining"] for _ in range(3)]
        refused = program.get("/me")
    assert left == ["2", "1", "0"]
    assert (refused.status_code, refused["Retry-After"], refused["RateLimit-Limit"]) == (429, "50", "3")
    assert refused.json()["code"] == "too-many-calls"
    with clock.at(now + timedelta(minutes=1)):
        assert program.get("/me").status_code == 200


def test_the_same_post_twice_is_done_once(vendor_user: User, program_of: ProgramOf) -> None:
    """G3. Fails without the row that is written before."""
    program, body = program_of(vendor_user), {"eui": EUI, "name": "Mast"}
    first, second = (program.post("/gateways", body, key="k-1") for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert second["Location"] == first["Location"]
    assert second["Idempotency-Replayed"] == "true"
    assert Record.objects.filter(action="gateway.registered").count() == 1


def test_the_same_key_with_another_body_is_refused(vendor_user: User, program_of: ProgramOf) -> None:
    program = program_of(vendor_user)
    program.post("/gateways", {"eui": EUI}, key="k-1")
    other = program.post("/gateways", {"eui": "58A0CBFFFE8011D5"}, key="k-1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-used")
    assert Gateway.objects.count() == 1


def test_each_token_has_keys_of_its_own(vendor_user: User, other_vendor_user: User, program_of: ProgramOf) -> None:
    program_of(vendor_user).post("/gateways", {"eui": EUI}, key="k-1")
    assert program_of(other_vendor_user).post("/gateways", {"eui": "AC1F09FFFE000001"}, key="k-1").status_code == 201


def test_what_is_being_done_is_not_done_beside(vendor_user: User, program_of: ProgramOf) -> None:
    program, body = program_of(vendor_user), {"eui": EUI}
    program.post("/gateways", body, key="k-1")
    Answer.objects.update(status=None)  # as if the first were still at it
    assert program.post("/gateways", body, key="k-1").json()["code"] == "idempotency-in-progress"
    with clock.at(clock.now() + timedelta(minutes=6)):  # whoever did it has died
        assert program.post("/gateways", body, key="k-1").json()["code"] == "eui-registered"


@pytest.mark.django_db(transaction=True)
def test_the_same_post_at_once_is_done_once(vendor_user: User, program_of: ProgramOf) -> None:
    """G3: six connections with one key. Whoever comes while the first is at it is told to ask again."""
    program, barrier = program_of(vendor_user), threading.Barrier(6)

    def post(_: int) -> tuple[int, str]:
        barrier.wait()
        try:
            answer = program.post("/gateways", {"eui": EUI}, key="k-1")
            return answer.status_code, answer.json().get("code", "")
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        found = set(threads.map(post, range(6)))
    assert (201, "") in found
    assert found <= {(201, ""), (409, "idempotency-in-progress")}
    assert Record.objects.filter(action="gateway.registered").count() == 1


def test_a_refusal_may_be_tried_again(operator: User, vendor: Vendor, program_of: ProgramOf) -> None:
    program = program_of(operator)
    assert program.post("/gateways", {"eui": EUI}, key="k-1").status_code == 422
    assert program.post("/gateways", {"eui": EUI, "vendor_id": vendor.pk}, key="k-1").status_code == 201


def test_answers_are_forgotten_after_a_day(vendor_user: User, program_of: ProgramOf) -> None:
    program_of(vendor_user).post("/gateways", {"eui": EUI}, key="k-1")
    assert answers.forget_old() == 0
    with clock.at(clock.now() + timedelta(hours=25)):
        forget_answers()
    assert not Answer.objects.exists()


@pytest.mark.parametrize("key", ["", "ü", "x" * 256])
def test_a_strange_key_is_refused(key: str, vendor_user: User, program_of: ProgramOf) -> None:
    program = program_of(vendor_user)
    client = Client(headers={"Authorization": f"Bearer {program.secret}", "Idempotency-Key": key})
    answer = client.post("/api/v1/gateways", {"eui": EUI}, content_type="application/json")
    assert answer.status_code == 422
    assert not Gateway.objects.exists()


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status", "code"),
    [
        ("GET", "/nothing", None, "application/json", 404, "not-found"),
        ("GET", "/gateways/no-eui", None, "application/json", 404, "not-found"),
        ("GET", "/certificates/99999999999999999999999", None, "application/json", 404, "not-found"),
        ("DELETE", "/gateways", None, "application/json", 405, "method-refused"),
        ("POST", "/gateways", "{", "application/json", 400, "not-json"),
        ("POST", "/gateways", b"\xff\xfe", "application/json", 400, "not-json"),
        ("POST", "/gateways", "[" * 100_000, "application/json", 400, "not-json"),
        ("POST", "/gateways", "{}", "text/plain", 415, "media-type-refused"),
        ("POST", "/gateways", "x" * (1024 * 1024 + 1), "application/json", 413, "too-large"),
        ("POST", "/gateways", "{}", "application/json", 422, "invalid"),
        ("POST", "/gateways", json.dumps({"eui": EUI, "nam": "x"}), "application/json", 422, "invalid"),
        ("POST", "/gateways", json.dumps({"eui": EUI, "name": "a\0b"}), "application/json", 422, "invalid"),
        ("POST", "/gateways", '{"eui": "58A0CBFFFE8011D4", "name": "\\ud800"}', "application/json", 422, "invalid"),
        ("POST", "/gateways", json.dumps({"eui": "G8A0CBFFFE8011D4"}), "application/json", 422, "eui-not-hex"),
    ],
)
def test_what_goes_wrong_is_a_problem(
    method: str, path: str, body: object, kind: str, status: int, code: str, vendor_user: User, program_of: ProgramOf
) -> None:
    answer = program_of(vendor_user).send(method, path, body, kind=kind)
    told = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert (told["status"], told["code"]) == (status, code)
    assert answer["Cache-Control"] == "no-store"
    assert not Gateway.objects.exists()


def test_what_fails_says_no_more_than_that(
    vendor_user: User, program_of: ProgramOf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the answer nor the log holds the token."""
    program = program_of(vendor_user)
    monkeypatch.setattr("gateways.services.register_or_claim", lambda *_, **__: 1 / 0)
    with caplog.at_level(logging.DEBUG):
        answer = program.post("/gateways", {"eui": EUI}, key="k-1")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "ZeroDivisionError" in caplog.text
    assert program.secret not in caplog.text
    assert not Answer.objects.exists()


def test_the_record_says_by_which_token(vendor_user: User, program_of: ProgramOf) -> None:
    program_of(vendor_user).post("/gateways", {"eui": EUI})
    assert Record.objects.get(action="gateway.registered").details["api_token"] == "nightly job"


def test_the_document_is_open_and_the_page_names_every_operation(vendor_user: User, client_of: object) -> None:
    document = Client().get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    page = client_of(vendor_user).get("/api/").content.decode()  # type: ignore[operator]  # a fixture
    for path in document["paths"]:
        assert path in page
