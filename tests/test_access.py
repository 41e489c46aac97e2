"""Every address, every role, own and others' things (row 14), and no GET that changes anything (row 18)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import User, Vendor
from tests.pki import makers
from tests.world import World, make_world

# what a GET answers to: nobody, an operator, an auditor, the vendor that owns it, another vendor
OPEN = (200, 200, 200, 200, 200)
ALL = (302, 200, 200, 200, 200)
OWN = (302, 200, 200, 200, 404)
OWN_HANDS = (302, 200, 403, 200, 404)
HANDS = (302, 200, 403, 200, 200)
STAFF = (302, 200, 200, 403, 403)
OPERATORS = (302, 200, 403, 403, 403)
POST_ONLY = (405, 405, 405, 405, 405)
NOBODY = (404, 404, 404, 404, 404)


@dataclass(frozen=True)
class Entry:
    """How to reach an address in the world of the test, and what its GET answers to whom."""

    answers: tuple[int, int, int, int, int]
    arguments: tuple[str, ...] = ()  # attributes of the world's rows, such as "gateway.pk", or plain text in quotes
    query: str = ""
    is_page: bool = True  # answers HTML for people


ENTRIES: dict[str, Entry] = {
    "overview": Entry(ALL),
    "forecast": Entry(ALL),
    "search": Entry(ALL, query="?q=58A0", is_page=False),
    "healthz": Entry(OPEN, is_page=False),
    "alerts:calendar": Entry(ALL, query="?month=2027-02"),
    "metrics": Entry(OPEN, is_page=False),
    "welcome": Entry(OPERATORS),
    "demonstration": Entry(OPERATORS, is_page=False),
    "account_login": Entry((200, 302, 302, 302, 302)),
    "account_logout": Entry((302, 200, 200, 200, 200)),
    "account_reset_password": Entry(OPEN),
    "account_reset_password_done": Entry(OPEN),
    "account_reset_password_from_key": Entry(OPEN, ("'zzzzzz'", "'x-y'")),
    "account_reset_password_from_key_done": Entry(OPEN),
    "account_signup": Entry(NOBODY, is_page=False),
    "account_inactive": Entry(OPEN),
    "accounts:setup": Entry(NOBODY, ("'nothing'",), is_page=False),
    "accounts:accept": Entry((410, 410, 410, 410, 410), ("'nothing'",), is_page=False),
    "accounts:vendors": Entry(STAFF),
    "accounts:new_vendor": Entry(OPERATORS),
    "accounts:vendor": Entry(STAFF, ("vendor.pk",)),
    "accounts:edit_vendor": Entry(OPERATORS, ("vendor.pk",)),
    "accounts:invite": Entry(POST_ONLY, ("vendor.pk",)),
    "accounts:add_contact": Entry(POST_ONLY, ("vendor.pk",)),
    "accounts:remove_contact": Entry(POST_ONLY, ("vendor.pk", "contact.pk")),
    "accounts:settings": Entry(STAFF),
    "accounts:invite_staff": Entry(POST_ONLY),
    "accounts:revoke_invitation": Entry(POST_ONLY, ("invitation.pk",)),
    "accounts:invite_again": Entry(POST_ONLY, ("invitation.pk",)),
    "accounts:deactivate": Entry(POST_ONLY, ("person.pk",)),
    "accounts:activate": Entry(POST_ONLY, ("person.pk",)),
    "accounts:account": Entry(ALL),
    "accounts:tokens": Entry(ALL),
    "accounts:all_tokens": Entry(STAFF),
    "accounts:revoke_token": Entry(POST_ONLY, ("token.pk",)),
    "api_page": Entry(ALL),
    "accounts:reauthenticate": Entry(ALL),
    "cas:list": Entry(ALL),
    "cas:upload": Entry(HANDS),
    "cas:operate": Entry(OPERATORS),
    "profiles:list": Entry(STAFF),
    "profiles:detail": Entry(STAFF, ("'gateway-client'",)),
    "profiles:change": Entry(OPERATORS, ("'gateway-client'",)),
    "profiles:copy": Entry(OPERATORS, ("'tls-server'",)),
    "cas:detail": Entry(OWN, ("authority.pk",)),
    "cas:review": Entry(POST_ONLY, ("authority.pk",)),
    "cas:download": Entry(OWN, ("authority.pk", "'pem'"), is_page=False),
    "cas:make_code": Entry(POST_ONLY, ("authority.pk",)),
    "cas:prove": Entry(POST_ONLY, ("authority.pk",)),
    "cas:try_leaf": Entry(POST_ONLY, ("authority.pk",)),
    "cas:waive": Entry(POST_ONLY, ("authority.pk",)),
    "cas:evidence": Entry(OWN, ("authority.pk", "test_leaf.sha256"), is_page=False),
    "cas:revoke_signing": Entry(POST_ONLY, ("certificate.pk",)),
    "crl": Entry(NOBODY, (f"'{'0' * 64}'",), is_page=False),
    "ocsp": Entry(OPEN, is_page=False),
    "ocsp_get": Entry(OPEN, ("'MAA='",), is_page=False),
    "certificates:revoke_many": Entry(HANDS),
    "certificates:batches": Entry(ALL),
    "certificates:new_batch": Entry(HANDS),
    "certificates:batch": Entry(OWN, ("batch.pk",)),
    "certificates:batch_progress": Entry((302, 286, 286, 286, 404), ("batch.pk",), is_page=False),
    "certificates:batch_refused": Entry(OWN, ("batch.pk",), is_page=False),
    "certificates:batch_manifest": Entry(OWN, ("batch.pk",), is_page=False),
    "certificates:decide_batch": Entry(POST_ONLY, ("batch.pk",)),
    "certificates:cancel_batch": Entry(POST_ONLY, ("batch.pk",)),
    "certificates:resume_batch": Entry(POST_ONLY, ("batch.pk",)),
    "certificates:batch_archive": Entry(POST_ONLY, ("batch.pk",)),
    "certificates:batch_receipt": Entry(POST_ONLY, ("batch.pk",)),
    "gateways:list": Entry(ALL),
    "gateways:proposals": Entry(ALL, is_page=False),
    "gateways:export": Entry(ALL, is_page=False),
    "gateways:tag": Entry(HANDS),
    "gateways:register": Entry(HANDS),
    "gateways:reading": Entry(HANDS, query="?eui=58A0CB8011D4", is_page=False),
    "gateways:disputes": Entry(STAFF),
    "gateways:imports": Entry(ALL),
    "gateways:import": Entry(OWN, ("imported.pk",)),
    "gateways:check_import": Entry(POST_ONLY, ("imported.pk",)),
    "gateways:choose_columns": Entry(POST_ONLY, ("imported.pk",)),
    "gateways:apply_import": Entry(POST_ONLY, ("imported.pk",)),
    "gateways:cancel_import": Entry(POST_ONLY, ("imported.pk",)),
    "gateways:import_progress": Entry((302, 286, 286, 286, 404), ("imported.pk",), is_page=False),
    "gateways:import_report": Entry(OWN, ("imported.pk",), is_page=False),
    "gateways:blocks": Entry(ALL),
    "gateways:remove_block": Entry(POST_ONLY, ("block.pk",)),
    "gateways:claims": Entry(ALL),
    "gateways:decide_claims": Entry(POST_ONLY),
    "gateways:withdraw_claim": Entry(POST_ONLY, ("claim.pk",)),
    "certificates:transfer": Entry(OPERATORS),
    "certificates:retire": Entry(HANDS),
    "certificates:take_back": Entry(POST_ONLY, ("gateway.pk",)),
    "certificates:decide_dispute": Entry(OPERATORS, ("dispute.pk",)),
    "gateways:detail": Entry(OWN, ("gateway.pk",)),
    "gateways:edit": Entry(OWN_HANDS, ("gateway.pk",)),
    "certificates:list": Entry(ALL),
    "certificates:export": Entry(ALL, is_page=False),
    "certificates:detail": Entry(OWN, ("certificate.pk",)),
    "certificates:download": Entry(OWN, ("certificate.pk", "'leaf.pem'"), is_page=False),
    "certificates:kit": Entry(POST_ONLY, ("certificate.pk",)),
    "certificates:key": Entry(POST_ONLY, ("certificate.pk",)),
    "certificates:receipt": Entry(POST_ONLY, ("certificate.pk",)),
    "certificates:revoke": Entry(OWN_HANDS, ("certificate.pk",)),
    "certificates:servers": Entry(STAFF),
    "certificates:export_servers": Entry(STAFF, is_page=False),
    "certificates:new_server": Entry(OPERATORS),
    "certificates:import_cfssl": Entry(OPERATORS),
    "certificates:server": Entry(STAFF, ("server.pk",)),
    "certificates:server_file": Entry(STAFF, ("server.pk", "'fullchain.pem'"), is_page=False),
    "certificates:server_key": Entry(POST_ONLY, ("server.pk",)),
    "certificates:server_receipt": Entry(POST_ONLY, ("server.pk",)),
    "certificates:renew_server": Entry(POST_ONLY, ("server.pk",)),
    "certificates:revoke_server": Entry(OPERATORS, ("server.pk",)),
    "certificates:requests": Entry(ALL),
    "certificates:export_requests": Entry(ALL, is_page=False),
    "certificates:request": Entry(OWN, ("waiting.pk",)),
    "certificates:progress": Entry((302, 286, 286, 286, 404), ("request.pk",), is_page=False),
    "certificates:decide": Entry(POST_ONLY, ("waiting.pk",)),
    "certificates:retry": Entry(POST_ONLY, ("waiting.pk",)),
    "certificates:revoke_request": Entry(POST_ONLY, ("waiting.pk",)),
    "certificates:new": Entry(OWN_HANDS, ("gateway.pk",)),
    "certificates:record": Entry(OWN_HANDS, ("gateway.pk",)),
    "certificates:of_gateway": Entry(OWN, ("gateway.pk",), is_page=False),
    "certificates:policy": Entry(OPERATORS, ("vendor.pk",)),
    "certificates:policy_summary": Entry(STAFF, ("vendor.pk",), is_page=False),
    "trust:releases": Entry(STAFF),
    "trust:publish": Entry(POST_ONLY),
    "trust:release": Entry(STAFF, ("release.pk",)),
    "trust:publications": Entry((302, 286, 286, 403, 403), ("release.pk",), is_page=False),
    "trust:release_bundle": Entry(STAFF, ("release.pk",), is_page=False),
    "trust:stores": Entry(STAFF),
    "trust:connect_store": Entry(OPERATORS),
    "trust:store": Entry(STAFF, ("store.pk",)),
    "trust:store_contents": Entry(STAFF, ("store.pk",), is_page=False),
    "trust:adopt_store": Entry(POST_ONLY, ("store.pk",)),
    "trust:replace_store": Entry(POST_ONLY, ("store.pk",)),
    "trust:go_on": Entry(POST_ONLY, ("store.pk",)),
    "trust:check_store": Entry(POST_ONLY, ("store.pk",)),
    "trust:repair_store": Entry(POST_ONLY, ("store.pk",)),
    "trust:choose_repair": Entry(POST_ONLY, ("store.pk",)),
    "trust:remove_foreign": Entry(POST_ONLY, ("store.pk",)),
    "trust:keep_foreign": Entry(POST_ONLY, ("store.pk",)),
    "trust:disconnect_store": Entry(POST_ONLY, ("store.pk",)),
    "trust:rollovers": Entry(STAFF),
    "trust:start_rollover": Entry(POST_ONLY),
    "trust:stop_rollover": Entry(POST_ONLY, ("store.pk",)),
    "trust:clusters": Entry(STAFF),
    "trust:new_cluster": Entry(POST_ONLY),
    "trust:renew_cluster_token": Entry(POST_ONLY, ("store.pk",)),
    "trust:delete_cluster": Entry(POST_ONLY, ("store.pk",)),
    "trust:ask_cluster": Entry(POST_ONLY, ("store.pk",)),
    "trust:new_probe": Entry(POST_ONLY),
    "trust:delete_probe": Entry(POST_ONLY, ("store.pk",)),
    "trust:mark_live": Entry(POST_ONLY, ("store.pk", "release.pk")),
    "trust:live": Entry(POST_ONLY),
    "trust:preflight": Entry(ALL),
    "trust:gateway_preflight": Entry(OWN, ("gateway.pk",), is_page=False),
    "trust:authority_membership": Entry(OWN, ("authority.pk",), is_page=False),
    "trust:review": Entry(POST_ONLY),
    "trust:ask": Entry(POST_ONLY),
    "trust:readers": Entry(STAFF),
    "trust:new_group": Entry(OPERATORS),
    "trust:draft_gateways": Entry(STAFF, ("'common'", "'unknown'")),
    "trust:draft_gateways_export": Entry(STAFF, ("'common'", "'lost'"), is_page=False),
    "trust:return_to": Entry(OPERATORS, ("release.pk",)),
    "trust:release_file": Entry(STAFF, ("release.pk", "'manifest.json'"), is_page=False),
    "trust:choose_groups": Entry(POST_ONLY, ("store.pk",)),
    "trust:set_end": Entry(OPERATORS, ("issuing.pk",)),
    "trust:add_to_group": Entry(POST_ONLY, ("authority.pk",)),
    "trust:remove_from_group": Entry(OPERATORS, ("issuing.pk",)),
    "alerts:list": Entry(ALL),
    "alerts:detail": Entry(OWN, ("notice.alert_id",)),
    "alerts:answer": Entry(POST_ONLY, ("notice.alert_id", "'acknowledge'")),
    "alerts:answer_many": Entry(HANDS, ("'acknowledge'",)),
    "alerts:mine": Entry(ALL),
    "alerts:recipients": Entry(STAFF),
    "alerts:clear_bounce": Entry(POST_ONLY, ("'1'",)),
    "alerts:rules": Entry(STAFF),
    "alerts:new_rule": Entry(OPERATORS, query="?kind=certificate&days=30"),
    "alerts:rule_mail": Entry((302, 404, 403, 403, 403), query="?kind=job", is_page=False),
    "alerts:rule": Entry((302, 404, 403, 403, 403), ("'1'",), is_page=False),
    "alerts:remove_rule": Entry(POST_ONLY, ("'1'",)),
    "audit": Entry(STAFF),
    "audit_export": Entry(STAFF, is_page=False),
    "audit_verify": Entry(POST_ONLY),
    "webhooks:list": Entry(ALL),
    "webhooks:new": Entry(HANDS),
    "webhooks:detail": Entry(OWN, ("endpoint.pk",)),
    "mails:list": Entry(STAFF),
    "mails:try": Entry(POST_ONLY),
    "mails:retry": Entry(POST_ONLY, ("message.pk",)),
    "unsubscribe": Entry(NOBODY, ("'nothing'",), is_page=False),
    "webhooks:edit": Entry(OWN_HANDS, ("endpoint.pk",)),
    "webhooks:test": Entry(POST_ONLY, ("endpoint.pk",)),
    "webhooks:pause": Entry(POST_ONLY, ("endpoint.pk",)),
    "webhooks:resume": Entry(POST_ONLY, ("endpoint.pk",)),
    "webhooks:rotate": Entry(POST_ONLY, ("endpoint.pk",)),
    "webhooks:remove": Entry(POST_ONLY, ("endpoint.pk",)),
    "webhooks:replay": Entry(POST_ONLY, ("endpoint.pk",)),
    "webhooks:again": Entry(POST_ONLY, ("endpoint.pk", "call.pk")),
    "mailbox": Entry(OPEN),
    "mail": Entry(OPEN, ("message.pk",)),
}


def names(patterns: list[URLPattern | URLResolver], space: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from names(pattern.url_patterns, inner)
        else:
            yield f"{space}{pattern.name}"


def test_every_address_has_an_entry() -> None:
    """A new page says here who may see it, and is then visited by the tests below and by the browser. The operations of
    the API have a table of their own, in tests/api/test_access.py."""
    pages = {name for name in names(get_resolver().url_patterns) if not name.startswith("api:")}
    assert pages == set(ENTRIES)


@pytest.fixture
def world(
    transactional_db: None,
    operator: User,
    vendor: Vendor,
    vendor_user: User,
    other_vendor_user: User,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    monkeypatch.setattr(settings, "STORE_ROOTS", [tmp_path])
    der = makers.make_issuing(makers.make_root()).der
    return make_world(operator, vendor, vendor_user, other_vendor_user, folder=tmp_path / "store", authority_der=der)


def address(name: str, world: World) -> str:
    entry = ENTRIES[name]
    return reverse(name, args=[value_of(each, world) for each in entry.arguments]) + entry.query


def value_of(words: str, world: World) -> object:
    if words.startswith("'"):
        return words.strip("'")
    row, attribute = words.split(".")
    return getattr(getattr(world, row), attribute)


def snapshot() -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table but sessions."""
    models = [model for model in apps.get_models() if model is not Session]
    return {model._meta.label: list(model._default_manager.order_by("pk").values_list()) for model in models}


def test_each_role_sees_what_is_its_own_and_a_get_changes_nothing(
    world: World,
    client_of: Callable[[User], Client],
    operator: User,
    auditor: User,
    vendor_user: User,
    other_vendor_user: User,
) -> None:
    """G11. Fails when a view reads its object without `visible_to`."""
    people = [Client(), *(client_of(user) for user in (operator, auditor, vendor_user, other_vendor_user))]
    before = snapshot()
    wrong = {}
    for name, entry in ENTRIES.items():
        answers = tuple(client.get(address(name, world)).status_code for client in people)
        if answers != entry.answers:
            wrong[name] = (answers, entry.answers)
    assert wrong == {}
    assert snapshot() == before


def test_what_is_not_yours_looks_like_what_does_not_exist(
    world: World, client_of: Callable[[User], Client], other_vendor_user: User
) -> None:
    """G11. Fails when a refusal says that the thing is there."""
    client = client_of(other_vendor_user)
    for name, entry in ENTRIES.items():
        if entry.answers[4] == 404 and entry.arguments and entry.arguments[0].endswith(".pk"):
            theirs = client.get(address(name, world))
            rest = [value_of(each, world) for each in entry.arguments[1:]]
            nothing = client.get(reverse(name, args=[999_999, *rest]))
            assert theirs.status_code == nothing.status_code == 404
            assert strip_token(theirs.content) == strip_token(nothing.content)


def test_nobody_changes_what_is_not_theirs(
    world: World, client_of: Callable[[User], Client], other_vendor_user: User, auditor: User
) -> None:
    """Row 14 for POST: another tenant gets 404 or 403, an auditor 403, and nothing changes."""
    clients = [client_of(other_vendor_user), client_of(auditor)]
    before = snapshot()
    for client in clients:
        for name, entry in ENTRIES.items():
            if entry.arguments and entry.arguments[0].endswith(".pk"):
                assert client.post(address(name, world), {}).status_code in (302, 403, 404, 405), name
    assert snapshot() == before


def strip_token(content: bytes) -> bytes:
    """The page without what differs by request."""
    return b"".join(line for line in content.splitlines(keepends=True) if b"csrf" not in line.lower())
