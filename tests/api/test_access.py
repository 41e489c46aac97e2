"""Row 14 for the API: every operation, every role, own and others' things. A new operation needs a line here."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.contrib.sessions.models import Session

from accounts.models import Answer, ApiToken, User
from certadmin.api import api
from gateways.models import Claim
from tests.api.conftest import Program, ProgramOf
from tests.world import World

# what is answered to: nobody, an operator, an auditor, the vendor that owns it, another vendor
ALL = (401, 200, 200, 200, 200)
OWN = (401, 200, 200, 200, 404)
STAFF = (401, 200, 200, 403, 403)
UNKNOWN = "0000000000000001"


@dataclass(frozen=True)
class Read:
    answers: tuple[int, int, int, int, int]
    ids: dict[str, str] = field(default_factory=dict)  # names in the address: attributes of the world's rows


@dataclass(frozen=True)
class Write:
    """Nobody, auditors and another vendor change nothing; `by` may."""

    body: Any
    ids: dict[str, str] = field(default_factory=dict)
    by: str = "vendor"
    kind: str = "application/json"
    other: int = 404  # what another vendor is answered; below 300 where it does so for itself


READS = {
    "who_am_i": Read(ALL),
    "list_vendors": Read(ALL),
    "get_vendor": Read(OWN, {"id": "vendor.pk"}),
    "list_gateways": Read(ALL),
    "get_gateway": Read(OWN, {"eui": "gateway.eui"}),
    "preflight_gateway": Read(OWN, {"eui": "gateway.eui"}),
    "list_claims": Read(ALL),
    "get_claim": Read(OWN, {"id": "api_claim.pk"}),
    "list_blocks": Read(ALL),
    "list_imports": Read(ALL),
    "get_import": Read(OWN, {"id": "imported.pk"}),
    "get_import_report": Read(OWN, {"id": "imported.pk"}),
    "list_batches": Read(ALL),
    "get_batch": Read(OWN, {"id": "batch.pk"}),
    "list_refused_lines": Read(OWN, {"id": "batch.pk"}),
    "list_certificates": Read(ALL),
    "get_certificate": Read(OWN, {"id": "certificate.pk"}),
    "get_leaf_pem": Read(OWN, {"id": "certificate.pk"}),
    "get_leaf_der": Read(OWN, {"id": "certificate.pk"}),
    "get_chain_pem": Read(OWN, {"id": "certificate.pk"}),
    "list_requests": Read(ALL),
    "get_request": Read(OWN, {"id": "request.pk"}),
    "list_authorities": Read(ALL),
    "get_authority": Read(OWN, {"id": "authority.pk"}),
    "get_authority_pem": Read(OWN, {"id": "authority.pk"}),
    "list_releases": Read(STAFF),
    "get_release": Read(STAFF, {"id": "release.pk"}),
    "get_release_bundle": Read(STAFF, {"id": "release.pk"}),
    "list_alerts": Read(ALL),
    "list_records": Read(STAFF),
}
WRITES = {
    "register_gateway": Write({"eui": "58A0CBFFFE8011D9"}, other=202),
    "describe_gateway": Write({"name": "Mine"}, {"eui": "gateway.eui"}),
    "retire_gateway": Write({}, {"eui": "gateway.eui"}),
    "take_back_gateway": Write({}, {"eui": "gateway.eui"}),
    "transfer_gateways": Write(
        {"euis": ["58A0CBFFFE8011D5"], "to": 1, "certificates": "left", "reason": "Sold"}, by="operator", other=403
    ),
    "tell_sightings": Write(
        {"sightings": [{"eui": "58A0CBFFFE8011D4", "at": "2026-11-20T12:00:00Z"}]}, by="operator", other=403
    ),
    "begin_import": Write("eui\n58A0CBFFFE8011DA\n", other=202, kind="text/csv"),
    "apply_import": Write({}, {"id": "imported.pk"}),
    "cancel_import": Write({}, {"id": "imported.pk"}),
    "hand_in_batch": Write({"euis": ["58A0CBFFFE8011D4"], "key_type": "P-256", "lifetime_days": 365}, other=409),
    "cancel_batch": Write({}, {"id": "batch.pk"}),
    "revoke_certificate": Write({"reason": "superseded"}, {"id": "certificate.pk"}),
    "record_certificate": Write({"pem": "none"}, {"eui": "gateway.eui"}),
    "ask_for_certificate": Write({"eui": "58A0CBFFFE8011D5", "key_type": "P-256"}),
    "take_kit": Write({}, {"id": "certificate.pk"}),
    "take_key": Write({}, {"id": "certificate.pk"}),
    "confirm_receipt": Write({}, {"id": "certificate.pk"}),
    "hand_in_authorities": Write({"pem": "none"}, other=422),
    "preflight": Write({"leaf": "58A0CBFFFE8011D4"}, by="auditor", other=409),
}


@dataclass(frozen=True)
class Operation:
    name: str
    verb: str
    path: str
    scope: str


def operations() -> Iterator[Operation]:
    for path, verbs in api.get_openapi_schema()["paths"].items():
        for verb, each in verbs.items():
            yield Operation(each["operationId"], verb.upper(), path.removeprefix("/api/v1"), each["x-scope"])


def test_every_operation_has_an_entry() -> None:
    assert {each.name for each in operations()} == {*READS, *WRITES}


def address(operation: Operation, ids: dict[str, str], world: World) -> str:
    path = operation.path
    for name, words in ids.items():
        row, attribute = words.split(".")
        thing = Claim.objects.latest("pk") if row == "api_claim" else getattr(world, row)
        path = path.replace(f"{{{name}}}", str(getattr(thing, attribute)))
    return path


def send(program: Program, each: Operation, path: str, world: World) -> Any:
    """What the table says of the operation, sent to `path`."""
    entry = READS.get(each.name) or WRITES[each.name]
    if isinstance(entry, Read):
        return program.send(each.verb, path)
    body = {**entry.body, "to": world.vendor.pk} if "to" in entry.body else entry.body
    return program.send(each.verb, path, body, kind=entry.kind)


def snapshot() -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table but what says that a token was used."""
    left_out = (Session, ApiToken, Answer)
    models = [model for model in apps.get_models() if model not in left_out]
    return {model._meta.label: list(model._default_manager.order_by("pk").values_list()) for model in models}


def test_each_role_reads_what_is_its_own(
    world: World, program_of: ProgramOf, operator: User, auditor: User, vendor_user: User, other_vendor_user: User
) -> None:
    """G11. Fails when an operation reads its object without `visible_to`."""
    people = [Program(""), *(program_of(user) for user in (operator, auditor, vendor_user, other_vendor_user))]
    before, wrong = snapshot(), {}
    for each in operations():
        if each.name in READS:
            path = address(each, READS[each.name].ids, world)
            answers = tuple(program.get(path).status_code for program in people)
            if answers != READS[each.name].answers:
                wrong[each.name] = answers
    assert wrong == {}
    assert snapshot() == before


def test_what_is_not_yours_looks_like_what_does_not_exist(
    world: World, program_of: ProgramOf, other_vendor_user: User
) -> None:
    """G11, byte for byte."""
    program = program_of(other_vendor_user)
    for each in operations():
        entry = READS.get(each.name) or WRITES[each.name]
        if not entry.ids or (isinstance(entry, Read) and entry.answers[4] != 404):
            continue
        theirs = send(program, each, address(each, entry.ids, world), world)
        nothing = send(program, each, each.path.replace("{id}", "999999").replace("{eui}", UNKNOWN), world)
        assert theirs.status_code == nothing.status_code == 404, each.name
        assert theirs.content == nothing.content


def test_nobody_changes_what_is_not_theirs(
    world: World, program_of: ProgramOf, auditor: User, vendor_user: User, other_vendor_user: User
) -> None:
    programs = [Program(""), program_of(auditor), program_of(vendor_user, "read"), program_of(other_vendor_user)]
    before, wrong = snapshot(), {}
    for each in operations():
        if each.name in WRITES and each.name != "preflight":
            entry = WRITES[each.name]
            path = address(each, entry.ids, world)
            last = 1 if entry.other in (202, 422) else 0  # what it does for itself is no trespass
            answers = tuple(send(program, each, path, world).status_code for program in programs[: 4 - last])
            if answers != (401, 403, 403, entry.other)[: 4 - last]:
                wrong[each.name] = answers
    assert wrong == {}
    assert snapshot() == before


def test_whose_it_is_may(world: World, program_of: ProgramOf, operator: User, auditor: User, vendor_user: User) -> None:
    """Fails when a permission or scope keeps out whom the operation is for."""
    programs = {"operator": program_of(operator), "vendor": program_of(vendor_user), "auditor": program_of(auditor)}
    wrong = {}
    for each in operations():
        if each.name in WRITES:
            entry = WRITES[each.name]
            answer = send(programs[entry.by], each, address(each, entry.ids, world), world)
            if answer.status_code in (401, 403, 404, 405, 415, 500):
                wrong[each.name] = (answer.status_code, answer.content)
    assert wrong == {}


def test_every_operation_needs_its_scope(world: World, program_of: ProgramOf, operator: User) -> None:
    scopes = {each.scope for each in operations()}
    for each in operations():
        entry = READS.get(each.name) or WRITES[each.name]
        without = program_of(operator, *sorted(scopes - {each.scope}))
        answer = send(without, each, address(each, entry.ids, world), world)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing"), each.name
