"""The ledger: a clean world passes, and each tampering with the database is found and named."""

import hashlib
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.models import User, Vendor
from cas.models import Authority, OcspSigner, Signing
from cas.services import ocsp
from cas.services.ocsp_signers import renew_signer
from cas.tasks import sweep_lists
from certificates.models import Certificate, Request
from certificates.services import approve_request, issue, request_certificate, revoke
from certificates.services.ledger import Counts, check_ledger
from core import clock
from gateways.models import Gateway
from gateways.services import register
from keys import services as vault
from keys.models import Key
from pki.issuing import complete
from pki.ledger import Discrepancy
from tests.cas.signings import reserve_root
from tests.cas.test_ocsp import request_of
from tests.pki import makers
from trust.models import Release
from trust.services.groups import add_to_group, common
from trust.services.releases import publish_release

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other(policy: None, operator: User, vendor_user: User, vendor: Vendor) -> Certificate:
    """One for another gateway, by a CSR."""
    gateway = register(operator, vendor, "58A0CBFFFE8011D5", "Hauk roof")
    csr = makers.make_csr("58A0CBFFFE8011D5", key=makers.rsa_key(2048, "gateway"))
    wish = request_certificate(vendor_user, gateway, lifetime_days=90, idempotency_key="o", csr=csr)
    approve_request(wish, actor=operator, expected_sha256=wish.content_sha256)
    made = issue(wish.pk)
    assert made is not None
    return made


def change(table: str, pk: object, **values: Any) -> None:
    """As somebody with the database in hand could."""
    columns = ", ".join(f"{name} = %s" for name in values)
    model = {"certificate": Certificate, "signing": Signing, "request": Request, "key": Key, "release": Release}[table]
    with connection.cursor() as cursor:
        key = model._meta.pk.get_db_prep_value(pk, connection)
        sql = f"UPDATE {model._meta.db_table} SET {columns} WHERE id = %s"
        cursor.execute(sql, [*values.values(), key])


def first_bad() -> str:
    with pytest.raises(Discrepancy) as found:
        check_ledger()
    return found.value.code


def signing_of(certificate: Certificate) -> Signing:
    return Signing.objects.get(request__certificate=certificate)


def said(*arguments: str) -> tuple[int, str]:
    out, status = StringIO(), 0
    try:
        call_command("check_ledger", *arguments, stdout=out)
    except SystemExit as end:
        status = int(end.code or 0)
    return status, out.getvalue()


def test_a_clean_world_passes(certificate: Certificate, other: Certificate) -> None:
    assert check_ledger() == Counts(2, 2, keys=2, uses=4, unexplained=0)


def test_lists_ocsp_answers_and_releases_are_uses_too(
    certificate: Certificate, issuing: Authority, operator: User
) -> None:
    assert renew_signer(issuing.pk) is not None
    assert ocsp.answer(request_of(issuing, signing_of(certificate))).produced_at
    revoke(certificate, actor=operator, reason="superseded")
    sweep_lists()
    add_to_group(operator, common(), issuing)
    publish_release(operator, common(), "first")
    assert Release.objects.get().signature is not None
    assert said()[0] == 0, said()


def test_the_command_says_how_much_is_good(certificate: Certificate) -> None:
    status, words = said()
    assert status == 0
    assert words.startswith("good: 1 certificates and 2 other signatures are as recorded; 3 uses of 2 keys")


def test_the_command_names_the_first_discrepancy_and_fails(certificate: Certificate) -> None:
    change("certificate", certificate.pk, serial="5eed")
    status, words = said()
    assert status == 1
    assert words.startswith(f"BAD (column-serial) Certificate {certificate.pk} (serial 5eed): serial is ")


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("sha256", "0" * 64, "column-sha256"),
        ("serial", "5eed", "column-serial"),
        ("key_type", "P-384", "column-key-type"),
        ("spki_sha256", "0" * 64, "column-spki-sha256"),
        ("der", b"nothing", "certificate-unreadable"),
        ("request_id", None, "no-signing"),
        ("origin", "recorded", "wrong-origin"),
    ],
)
def test_another_value_in_a_column_is_found(column: str, value: object, code: str, certificate: Certificate) -> None:
    change("certificate", certificate.pk, **{column: value})
    assert first_bad() == code


@pytest.mark.parametrize("column", ["not_before", "not_after"])
def test_wrong_dates_are_found(column: str, certificate: Certificate) -> None:
    change("certificate", certificate.pk, **{column: getattr(certificate, column) + timedelta(seconds=1)})
    assert first_bad() == f"column-{column.replace('_', '-')}"


def test_the_der_of_another_certificate_is_found(certificate: Certificate, other: Certificate) -> None:
    change("certificate", certificate.pk, der=bytes(other.der))
    assert first_bad() == "column-sha256"


def test_a_forged_certificate_with_fitting_columns_is_found(certificate: Certificate) -> None:
    """Signed by the right key, on record with its own hash, and not the one that the register has."""
    signing = signing_of(certificate)
    forged = complete(
        bytes(signing.tbs),
        algorithm=signing.signature_algorithm,
        signature=vault.sign(signing.key_id, bytes(signing.tbs)),
        issuer_public_key_der=vault.public_key(signing.key_id),
    )
    change("certificate", certificate.pk, der=forged, sha256=hashlib.sha256(forged).hexdigest())
    assert first_bad() == "der-differs"


def test_a_signature_that_does_not_verify_is_found(certificate: Certificate) -> None:
    signing = signing_of(certificate)
    broken = bytes(certificate.der)[:-1] + bytes([bytes(certificate.der)[-1] ^ 1])
    change("certificate", certificate.pk, der=broken, sha256=hashlib.sha256(broken).hexdigest())
    change("signing", signing.pk, der=broken)
    assert first_bad() == "signature-wrong"


def test_changed_octets_in_the_register_are_found(certificate: Certificate, other: Certificate) -> None:
    tbs = bytes(signing_of(other).tbs)
    change("signing", signing_of(certificate).pk, tbs=tbs)
    assert first_bad() == "tbs-hash"
    change("signing", signing_of(certificate).pk, tbs_sha256=hashlib.sha256(tbs).hexdigest())
    assert first_bad() == "tbs-differs"


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("serial", "5eed", "register-differs"),
        ("signature_algorithm", "ecdsa-with-SHA384", "signature-algorithm"),
        ("profile", "root", "profile-ca-flag"),
        ("profile", "ocsp-signer", "profile-extended-key-usage"),
        ("profile_version", 7, "profile-unknown"),
    ],
)
def test_another_value_in_the_register_is_found(
    column: str, value: object, code: str, certificate: Certificate
) -> None:
    change("signing", signing_of(certificate).pk, **{column: value})
    assert first_bad() == code


def test_the_key_of_another_authority_in_the_register_is_found(certificate: Certificate, issuing: Authority) -> None:
    assert issuing.parent is not None
    key = Key._meta.pk.get_db_prep_value(issuing.parent.key_id, connection)
    change("signing", signing_of(certificate).pk, key_id=key)
    assert first_bad() == "signature-wrong"


def test_another_authority_is_found(certificate: Certificate, issuing: Authority) -> None:
    change("certificate", certificate.pk, authority_id=issuing.parent_id)
    assert first_bad() == "wrong-authority"


def test_a_wrong_gateway_is_found(certificate: Certificate, other: Certificate) -> None:
    change("certificate", certificate.pk, gateway_id=other.gateway_id)
    assert first_bad() == "wrong-gateway"


def test_a_request_of_another_gateway_is_found(certificate: Certificate, other: Certificate) -> None:
    change("request", certificate.request_id, gateway_id=other.gateway_id)
    assert first_bad() == "request-gateway"


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("lifetime_days", 730, "wrong-lifetime"),
        ("public_key", b"another", "wrong-key"),
        ("state", "failed", "request-state"),
        ("content_sha256", "0" * 64, "request-changed"),
        ("signing_id", None, "no-signing"),
        ("serial", "5eed", "request-serial"),
    ],
)
def test_another_value_in_its_request_is_found(column: str, value: object, code: str, certificate: Certificate) -> None:
    change("request", certificate.request_id, **{column: value})
    assert first_bad() == code


@pytest.mark.parametrize("by", [1, -1])
def test_a_count_that_is_off_by_one_is_found(by: int, certificate: Certificate, issuing: Authority) -> None:
    used = vault_count(issuing)
    change("key", issuing.key_id, signatures=used + by)
    with pytest.raises(Discrepancy, match=f"the vault counts {used + by} uses, and on record are {used}") as found:
        check_ledger()
    assert found.value.code == "uses-differ"


def vault_count(authority: Authority) -> int:
    authority.refresh_from_db()
    return authority.key.signatures if authority.key else 0


def test_known_interruptions_may_be_allowed_for(certificate: Certificate, issuing: Authority) -> None:
    change("key", issuing.key_id, signatures=vault_count(issuing) + 2)
    assert said("--unexplained", "1")[0] == 1
    status, words = said("--unexplained", "2")
    assert status == 0
    assert words.endswith("2 of them unexplained\n")


def test_what_was_begun_may_have_used_its_key_once(certificate: Certificate) -> None:
    key = vault.create_key("P-256", purpose="authority")
    reserve_root(key, name="Begun Root")
    assert check_ledger().unexplained == 0
    vault.sign(key.pk, b"whatever came of it")
    assert check_ledger().unexplained == 0
    vault.sign(key.pk, b"and again")
    assert first_bad() == "uses-differ"


def test_a_key_of_a_gateway_that_signed_is_found(certificate: Certificate) -> None:
    """Nothing of ours signs with them."""
    change("key", certificate.key_id, signatures=1)
    assert first_bad() == "uses-differ"


def test_answers_beyond_the_count_of_their_signer_are_found(certificate: Certificate, issuing: Authority) -> None:
    signer = renew_signer(issuing.pk)
    assert signer is not None
    OcspSigner.objects.filter(pk=signer.pk).update(responses=5)
    assert first_bad() == "uses-differ"


def test_a_certificate_that_was_signed_and_taken_away_is_found(certificate: Certificate) -> None:
    """Its signing remains, which the vault has counted."""
    signing = signing_of(certificate)
    Certificate.objects.all().delete()
    Request.objects.update(signing=None)
    assert check_ledger().certificates == 0
    signing.delete()
    assert first_bad() == "uses-differ"


def test_one_that_outlives_nobody_and_ends_with_its_authority_is_good(approved: Request, issuing: Authority) -> None:
    with clock.at(issuing.not_after - timedelta(days=10)):
        assert issue(approved.pk) is not None
    assert check_ledger().certificates == 1


def test_a_gateway_that_moved_keeps_the_certificates_of_its_former_owner(
    certificate: Certificate, other_vendor: Vendor
) -> None:
    Gateway.objects.update(vendor=other_vendor)
    assert check_ledger().certificates == 1
