"""Certificates of servers: made once, on record before they are signed, handed over, renewed and revoked."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.db import IntegrityError, connection

from accounts.models import User
from audit.models import Record
from cas.models import Authority, Signing
from cas.services import ocsp
from cas.services import signing as register
from cas.services.operate import Plan, create_issuing, give_up
from cas.services.profiles import save_profile
from cas.tasks import sweep_lists
from certificates import tasks
from certificates.models import ServerCertificate
from certificates.services import server_certificates
from certificates.services.key_holding import hold_key
from certificates.services.ledger import check_ledger
from certificates.services.server_certificates import ServerWish, create, renew, revoke
from certificates.services.server_custody import confirm_receipt, destroy_due_keys, private_key_pem
from core import clock
from core.errors import Forbidden, Refused
from gateways.models import Gateway
from keys import services as vault
from keys.models import Key
from pki.ledger import Discrepancy
from pki.profiles import DEVELOPMENT, TLS_SERVER
from tests.cas.test_ocsp import request_of
from tests.certificates.server_world import HOSTS, NAMES, WISH, fresh
from tests.certificates.server_world import for_servers as for_servers
from tests.certificates.server_world import server as server
from tests.pki import makers

pytestmark = pytest.mark.django_db(transaction=True)


class Crash(Exception):
    """What a killed process looks like from inside."""


def refusal(act: Callable[[], object]) -> tuple[str, str | None]:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.code, refused.value.field


def parsed(row: ServerCertificate) -> x509.Certificate:
    return x509.load_der_x509_certificate(bytes(row.der or b""))


# making


def test_it_says_what_was_wished_and_nothing_else(server: ServerCertificate) -> None:
    made = parsed(server)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(each.value) for each in names] == list(HOSTS)
    said = [(each.rfc4514_attribute_name, each.value) for each in made.subject]
    assert said == [*NAMES, ("CN", HOSTS[0])]
    usages = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [each.dotted_string for each in usages] == ["1.3.6.1.5.5.7.3.1"]
    assert made.not_valid_after_utc - made.not_valid_before_utc == timedelta(days=365, minutes=5)
    assert (server.profile, server.profile_version, server.standing) == ("tls-server", 1, "valid")


def test_row_and_reservation_are_there_before_the_key_is_used(
    for_servers: Authority, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G1. Fails when the key signs before the register says so."""

    def look(key_id: object, _tbs: bytes) -> bytes:
        row = ServerCertificate.objects.select_related("signing").get()
        assert (row.signing.key_id, row.signing.requester) == (key_id, operator.name)
        assert (row.signing.serial, row.signing.profile_version) == (row.serial, 1)
        raise Crash

    monkeypatch.setattr(vault, "sign", look)
    with pytest.raises(Crash):
        create(operator, for_servers, WISH, idempotency_key="s")
    assert (
        Record.objects.get(action="server-certificate.asked").details["tbs_sha256"]
        == Signing.objects.get(subject=HOSTS[0]).tbs_sha256
    )


@pytest.mark.parametrize("owner", [vault, register, server_certificates])
def test_an_interrupted_one_is_finished_by_the_sweep(
    owner: Any, for_servers: Authority, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the signature, after it, and before it is written down: always one certificate, of the recorded bytes."""
    name = {vault: "sign", register: "_keep", server_certificates: "read_certificate"}[owner]

    def crash(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as broken:
        broken.setattr(owner, name, crash)
        with pytest.raises(Crash):
            create(operator, for_servers, WISH, idempotency_key="s")
    row = ServerCertificate.objects.get()
    assert fresh(row).standing == "unfinished"
    tasks.sweep()
    assert ServerCertificate.objects.unfinished().exists()  # whoever began may still be at it
    with clock.at(clock.now() + timedelta(hours=1)):
        tasks.sweep()
    row.refresh_from_db()
    assert parsed(row).tbs_certificate_bytes == bytes(row.signing.tbs)
    assert Record.objects.filter(action="server-certificate.issued").count() == 1


def test_sent_twice_it_is_one(server: ServerCertificate, for_servers: Authority, operator: User) -> None:
    assert create(operator, for_servers, WISH, idempotency_key="s") == server
    assert Signing.objects.filter(subject=HOSTS[0]).count() == 1


def test_two_at_once_are_one(for_servers: Authority, operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails without the look at the row after the IntegrityError; the slower one leaves no key."""
    real = server_certificates._made_before
    slow = iter([True])

    def look_too_early(key: str) -> ServerCertificate | None:
        if next(slow, False):
            create(operator, for_servers, WISH, idempotency_key="s")
            return None
        return real(key)

    monkeypatch.setattr(server_certificates, "_made_before", look_too_early)
    made = create(operator, for_servers, WISH, idempotency_key="s")
    assert ServerCertificate.objects.get() == made
    assert Key.objects.filter(purpose="server").count() == 1
    assert check_ledger().certificates == 1


def test_whoever_dies_before_the_row_is_there_leaves_no_key(
    for_servers: Authority, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise SystemExit

    monkeypatch.setattr(server_certificates, "_reserve", die)
    with pytest.raises(SystemExit):
        create(operator, for_servers, WISH, idempotency_key="s")
    assert not Key.objects.filter(purpose="server").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"hosts": ("other.example",)},
        {"lifetime_days": 90},
        {"names": ()},
        {"key_type": "P-384"},
        {"profile": "development"},
    ],
    ids=str,
)
def test_sent_again_with_other_values_is_refused(
    change: dict[str, Any], server: ServerCertificate, for_servers: Authority, operator: User
) -> None:
    wish = replace(WISH, **change)
    assert refusal(lambda: create(operator, for_servers, wish, idempotency_key="s"))[0] == "asked-otherwise"


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"hosts": ()}, "hosts-refused", "hosts"),
        ({"hosts": ("localhost",)}, "hosts-refused", "hosts"),
        ({"hosts": ("*.example",)}, "hosts-refused", "hosts"),
        ({"hosts": ("bücher.example",)}, "hosts-refused", "hosts"),
        ({"hosts": (f"{'a' * 60}.{'b' * 60}.example",)}, "hosts-refused", "hosts"),
        ({"hosts": tuple(f"h{number}.example" for number in range(101))}, "hosts-refused", "hosts"),
        ({"profile": "gateway-client"}, "profile-refused", "shape"),
        ({"profile": "root"}, "profile-refused", "shape"),
        ({"lifetime_days": 366}, "lifetime-refused", "shape"),
        ({"key_type": "RSA 1024"}, "key-type-refused", "key_type"),
        ({"key_type": ""}, "key-type-refused", "key_type"),
        ({"names": (("C", "no"),)}, "name-refused", "organisation"),
        ({"csr": b"nonsense", "key_type": ""}, "not-a-request", "csr"),
    ],
)
def test_what_cannot_be_made_is_refused_beside_its_field(
    change: dict[str, Any], code: str, field: str, for_servers: Authority, operator: User
) -> None:
    wish = replace(WISH, **change)
    assert refusal(lambda: create(operator, for_servers, wish, idempotency_key="s")) == (code, field)
    assert not ServerCertificate.objects.exists()
    assert not Key.objects.alive().filter(purpose="server").exists()


def test_a_gateways_authority_makes_no_server(issuing: Authority, operator: User) -> None:
    assert refusal(lambda: create(operator, issuing, WISH, idempotency_key="s")) == ("authority-unusable", "authority")


def test_servers_authorities_are_not_offered_for_gateways(for_servers: Authority, vendor_user: User) -> None:
    assert not Authority.objects.usable_at(clock.now()).filter(pk=for_servers.pk).exists()
    assert not Authority.objects.visible_to(vendor_user).filter(pk=for_servers.pk).exists()


def test_it_does_not_outlive_its_authority(for_servers: Authority, operator: User) -> None:
    with clock.at(for_servers.not_after - timedelta(days=100)):
        refused = refusal(lambda: create(operator, for_servers, WISH, idempotency_key="s"))
    assert refused == ("outlives-issuer", "shape")


def test_only_operators_make_them(for_servers: Authority, auditor: User, vendor_user: User) -> None:
    for person in (auditor, vendor_user):
        with pytest.raises(Forbidden):
            create(person, for_servers, WISH, idempotency_key="s")


def test_a_development_certificate_names_localhost(for_servers: Authority, operator: User) -> None:
    wish = ServerWish(("localhost", "127.0.0.1"), DEVELOPMENT.name, 820, key_type="RSA 2048")
    assert create(operator, for_servers, wish, idempotency_key="d").host == "localhost"


def test_a_profile_of_both_usages_needs_an_authority_of_both(for_servers: Authority, operator: User) -> None:
    both = replace(TLS_SERVER, name="mutual", extended_key_usage=frozenset({"serverAuth", "clientAuth"}))
    save_profile(operator, both)
    wish = replace(WISH, profile="mutual")
    assert refusal(lambda: create(operator, for_servers, wish, idempotency_key="m")) == ("issuer-usage", "authority")


def test_the_common_name_is_the_first_host_that_is_short_enough(for_servers: Authority, operator: User) -> None:
    long = f"{'a' * 60}.lns.fjordnet.example"
    made = create(operator, for_servers, replace(WISH, hosts=(long, "lns.fjordnet.example")), idempotency_key="l")
    assert parsed(made).subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value == "lns.fjordnet.example"


# by CSR


def csr_of(*, key: Any = None) -> bytes:
    return makers.make_csr("somebody.else.example", key=key or makers.p256_key("server"))


def test_of_a_csr_only_the_key_counts(for_servers: Authority, operator: User) -> None:
    made = create(operator, for_servers, replace(WISH, csr=csr_of(), key_type=""), idempotency_key="c")
    assert parsed(made).public_key() == makers.p256_key("server").public_key()
    assert made.hosts == list(HOSTS)
    assert (made.key, made.key_until, fresh(made).has_sealed_key) == (None, None, False)


def test_the_same_csr_again_is_the_same_certificate(for_servers: Authority, operator: User) -> None:
    wish = replace(WISH, csr=csr_of(), key_type="")
    made = create(operator, for_servers, wish, idempotency_key="c")
    pem = makers.to_pem(bytes(made.csr or b""), "CERTIFICATE REQUEST")
    assert create(operator, for_servers, replace(wish, csr=pem), idempotency_key="c") == made
    other = replace(wish, csr=csr_of(key=makers.p256_key("another")))
    assert refusal(lambda: create(operator, for_servers, other, idempotency_key="c"))[0] == "asked-otherwise"


def test_a_csr_with_a_bad_signature_or_key_or_a_private_key_is_refused(for_servers: Authority, operator: User) -> None:
    good = csr_of()
    weak = csr_of(key=makers.rsa_key(1024, "weak"))
    leaked = makers.to_pem(good, "CERTIFICATE REQUEST") + makers.private_pem(makers.p256_key("server"))
    for content in (good[:-1] + bytes([good[-1] ^ 1]), weak, leaked):
        wish = replace(WISH, csr=content, key_type="")
        assert refusal(lambda wish=wish: create(operator, for_servers, wish, idempotency_key="c"))[1] == "csr"  # type: ignore[misc]  # bound now


def test_the_key_of_a_gateway_is_not_that_of_a_server(for_servers: Authority, operator: User, gateway: Gateway) -> None:
    hold_key(gateway, makers.public_der(makers.p256_key("server")))
    wish = replace(WISH, csr=csr_of(), key_type="")
    assert refusal(lambda: create(operator, for_servers, wish, idempotency_key="c")) == ("key-in-use", "csr")


# the key


def test_its_key_is_handed_over_until_receipt_is_confirmed(server: ServerCertificate, operator: User) -> None:
    key = load_pem_private_key(private_key_pem(server, actor=operator), None)
    assert key.public_key() == parsed(server).public_key()
    assert Record.objects.filter(action="server-certificate.key-downloaded", subject_id=str(server.pk)).count() == 1
    confirm_receipt(server, actor=operator)
    assert Key.objects.get(purpose="server").destroyed_at is not None
    assert refusal(lambda: private_key_pem(fresh(server), actor=operator))[0] == "key-gone"


def test_nobody_else_gets_the_key(server: ServerCertificate, auditor: User, vendor_user: User) -> None:
    for person in (auditor, vendor_user):
        for act in (private_key_pem, confirm_receipt):
            with pytest.raises(Forbidden):
                act(server, actor=person)


def test_a_key_that_nobody_fetched_is_destroyed(server: ServerCertificate) -> None:
    assert destroy_due_keys() == 0
    with clock.at(clock.now() + timedelta(days=8)):
        tasks.destroy_keys()
    assert Key.objects.get(purpose="server").destroyed_at is not None
    assert Record.objects.filter(action="server-certificate.key-destroyed").count() == 1


# renewing and revoking


def test_renewed_it_is_the_same_again_with_a_new_key(server: ServerCertificate, operator: User) -> None:
    with clock.at(clock.now() + timedelta(days=300)):
        assert fresh(server).standing == "due"
        again = renew(server, actor=operator)
        assert renew(server, actor=operator) == again
        assert (again.hosts, again.names, again.lifetime_days) == (server.hosts, server.names, 365)
        assert again.spki_sha256 != server.spki_sha256
        assert (fresh(server).standing, fresh(again).standing) == ("superseded", "valid")
        assert ServerCertificate.objects.current(clock.now()).get() == again


def test_renewed_by_a_newer_version_of_its_profile(server: ServerCertificate, operator: User) -> None:
    save_profile(operator, replace(TLS_SERVER, key_usage=frozenset({"digitalSignature", "nonRepudiation"})))
    assert renew(server, actor=operator).profile_version == 2


def test_renewed_by_csr_it_keeps_its_key(for_servers: Authority, operator: User) -> None:
    made = create(operator, for_servers, replace(WISH, csr=csr_of(), key_type=""), idempotency_key="c")
    assert renew(made, actor=operator).spki_sha256 == made.spki_sha256


def test_revoked_it_is_on_the_list_and_ocsp_says_so(server: ServerCertificate, operator: User) -> None:
    revoke(server, actor=operator, reason="keyCompromise")
    sweep_lists()
    listed = server.authority.revocation_lists.filter(signature__isnull=False).latest("pk")
    assert listed.entries == 1
    response = ocsp.answer(request_of(server.authority, server.signing))
    assert response is not None
    assert fresh(server).standing == "revoked"
    assert Key.objects.get(purpose="server").destroyed_at is not None


def test_it_is_revoked_once_and_by_operators_for_a_reason(
    server: ServerCertificate, operator: User, auditor: User
) -> None:
    with pytest.raises(Forbidden):
        revoke(server, actor=auditor, reason="superseded")
    assert refusal(lambda: revoke(server, actor=operator, reason="I like to"))[0] == "reason-unknown"
    revoke(server, actor=operator, reason="superseded")
    assert refusal(lambda: revoke(server, actor=operator, reason="superseded"))[0] == "already-revoked"


def test_what_may_exist_is_revoked_by_serial_and_never_finished(
    for_servers: Authority, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as broken:
        broken.setattr(vault, "sign", crash)
        with pytest.raises(Crash):
            create(operator, for_servers, WISH, idempotency_key="s")
    row = ServerCertificate.objects.select_related("signing").get()
    revoke(row, actor=operator, reason="unspecified")
    with clock.at(clock.now() + timedelta(hours=1)):
        tasks.sweep()
    row.refresh_from_db()
    assert row.der is None
    assert fresh(row).standing == "revoked"


def test_what_is_given_up_on_its_authoritys_page_is_never_finished_and_has_no_key(
    for_servers: Authority, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as broken:
        broken.setattr(vault, "sign", crash)
        with pytest.raises(Crash):
            create(operator, for_servers, WISH, idempotency_key="s")
    row = ServerCertificate.objects.select_related("signing").get()
    Signing.objects.filter(pk=row.signing_id).update(state=Signing.State.MAY_EXIST)
    give_up(row.signing, actor=operator, reason="unspecified")
    with clock.at(clock.now() + timedelta(hours=1)):
        tasks.sweep()
    assert fresh(row).standing == "revoked"
    assert Key.objects.get(purpose="server").destroyed_at is not None
    assert Record.objects.filter(action="server-certificate.revoked").count() == 1


def test_a_successor_that_was_revoked_is_none(server: ServerCertificate, operator: User) -> None:
    first = renew(server, actor=operator)
    revoke(first, actor=operator, reason="keyCompromise")
    again = [renew(server, actor=operator) for _ in range(2)]
    assert again[0] == again[1] != first
    assert fresh(again[0]).standing == "valid"


@pytest.mark.parametrize(("days", "standing"), [(0, "valid"), (300, "due"), (366, "expired")])
def test_how_it_stands_follows_the_clock(days: int, standing: str, server: ServerCertificate) -> None:
    with clock.at(clock.now() + timedelta(days=days)):
        assert ServerCertificate.objects.standing(standing, clock.now()).get() == server
        assert fresh(server).standing == standing


# the ledger


def change(row: ServerCertificate, **values: Any) -> None:
    """As somebody with the database in hand could."""
    columns = ", ".join(f"{name} = %s" for name in values)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE certificates_servercertificate SET {columns} WHERE id = %s", [*values.values(), row.pk])


def test_the_ledger_counts_it(server: ServerCertificate) -> None:
    counts = check_ledger()
    assert (counts.certificates, counts.other_signatures, counts.uses, counts.unexplained) == (1, 2, 3, 0)


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("sha256", "0" * 64, "column-sha256"),
        ("serial", "5eed", "column-serial"),
        ("key_type", "P-384", "column-key-type"),
        ("der", b"nothing", "certificate-unreadable"),
        ("hosts", '["lns.fjordnet.example"]', "wrong-hosts"),
        ("hosts", '["*.lns.fjordnet.example", "lns.fjordnet.example", "10.0.0.1", "2001:db8::1"]', "wrong-hosts"),
        ("names", "[]", "wrong-subject"),
        ("lifetime_days", 90, "wrong-lifetime"),
        ("public_key", b"another", "wrong-key"),
        ("profile", "development", "wrong-profile"),
        ("profile_version", 2, "wrong-profile"),
    ],
)
def test_the_ledger_finds_another_value(column: str, value: object, code: str, server: ServerCertificate) -> None:
    change(server, **{column: value})
    with pytest.raises(Discrepancy) as found:
        check_ledger()
    assert found.value.code == code
    assert f"Server certificate {server.pk}" in found.value.message


def test_the_ledger_finds_another_authority(server: ServerCertificate, operator: User) -> None:
    assert server.authority.parent is not None
    plan = Plan("Fjordnet Servers 2", "Fjordnet", "P-256", 10, 0)
    other = create_issuing(operator, server.authority.parent, plan, for_servers=True)
    change(server, authority_id=other.pk)
    with pytest.raises(Discrepancy, match="its authority is not the one"):
        check_ledger()


def test_a_row_is_whole_or_unsigned(server: ServerCertificate) -> None:
    with pytest.raises(IntegrityError):
        change(server, sha256=None)
