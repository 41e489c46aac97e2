"""Recording a leaf that a vendor's own CA issued."""

from collections.abc import Callable, Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User, Vendor
from audit.models import Record
from cas.models import Authority
from certificates.models import Certificate
from certificates.services import record_leaf
from core import clock
from core.errors import Forbidden, Refused
from gateways.models import Gateway
from pki.facts import read_certificate
from tests.gateways.claims import claim
from tests.pki import makers
from tests.pki.makers import EUI as LABEL
from tests.pki.makers import Made, make_issuing, make_leaf, make_root

ClientOf = Callable[[User], Client]
EUI = "58A0CBFFFE8011D4"


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with clock.at(makers.NOW):
        yield


@pytest.fixture(scope="module")
def root() -> Made:
    return make_root("Kestrel Root")


@pytest.fixture(scope="module")
def ca(root: Made) -> Made:
    return make_issuing(root, "Kestrel Gateway CA")


def hand_in(made: Made, vendor: Vendor | None, state: str = "approved") -> Authority:
    authority = Authority.from_facts(read_certificate(made.der), origin="uploaded", vendor=vendor, state=state)
    authority.save()
    return authority


@pytest.fixture
def authority(ca: Made, vendor: Vendor) -> Authority:
    return hand_in(ca, vendor)


def code_of(actor: User, gateway: Gateway, content: bytes) -> str:
    """The code with which it is refused; nothing may be kept then."""
    before = Certificate.objects.count()
    with pytest.raises(Refused) as refused:
        record_leaf(actor, gateway, content)
    assert refused.value.field == "leaf"
    assert Certificate.objects.count() == before
    return refused.value.code


@pytest.mark.parametrize("form", ["der", "pem"])
def test_a_leaf_of_the_vendors_authority_is_recorded(
    form: str, authority: Authority, ca: Made, gateway: Gateway, vendor_user: User
) -> None:
    leaf = make_leaf(ca, EUI)
    certificate = record_leaf(vendor_user, gateway, getattr(leaf, form))
    assert (certificate.origin, certificate.authority, certificate.request) == ("recorded", authority, None)
    assert bytes(certificate.der) == leaf.der
    gateway.refresh_from_db()
    assert gateway.current_not_after == certificate.not_after
    assert Record.objects.get(action="certificate.recorded").actor_name == vendor_user.name


def test_its_issuing_authority_may_come_along(
    authority: Authority, ca: Made, gateway: Gateway, vendor_user: User
) -> None:
    assert record_leaf(vendor_user, gateway, make_leaf(ca, EUI).pem + ca.pem).pk


def test_an_authority_that_waits_for_review_will_do(
    ca: Made, vendor: Vendor, gateway: Gateway, vendor_user: User
) -> None:
    hand_in(ca, vendor, "submitted")
    assert record_leaf(vendor_user, gateway, make_leaf(ca, EUI).der).pk


@pytest.mark.parametrize("name", [EUI.lower(), f" {EUI}", "58A0CBFFFE8011D5", LABEL])
def test_its_name_is_the_eui_exactly(
    name: str, authority: Authority, ca: Made, gateway: Gateway, vendor_user: User
) -> None:
    assert code_of(vendor_user, gateway, make_leaf(ca, name).der) == "cn-not-eui"


def test_two_names_are_refused(authority: Authority, ca: Made, gateway: Gateway, vendor_user: User) -> None:
    twice = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name) for name in ("58A0CBFFFE8011D5", EUI)])
    assert code_of(vendor_user, gateway, make_leaf(ca, twice).der) == "cn-not-eui"


def test_an_expired_leaf_is_refused(authority: Authority, ca: Made, gateway: Gateway, vendor_user: User) -> None:
    leaf = make_leaf(ca, EUI, not_after=makers.NOW)
    assert code_of(vendor_user, gateway, leaf.der) == "expired"


def test_another_vendors_authority_is_refused(
    ca: Made, other_vendor: Vendor, gateway: Gateway, vendor_user: User
) -> None:
    """Row 5: fails without the vendor in `certificates.services.recording._issuer`."""
    hand_in(ca, other_vendor)
    assert code_of(vendor_user, gateway, make_leaf(ca, EUI).der) == "foreign-issuer"


def test_a_refused_authority_is_refused(ca: Made, vendor: Vendor, gateway: Gateway, vendor_user: User) -> None:
    hand_in(ca, vendor, "refused")
    assert code_of(vendor_user, gateway, make_leaf(ca, EUI).der) == "foreign-issuer"


def test_an_authority_of_the_same_name_with_another_key_is_refused(
    authority: Authority, root: Made, gateway: Gateway, vendor_user: User
) -> None:
    impostor = make_issuing(root, "Kestrel Gateway CA", key=makers.p256_key("impostor"))
    assert code_of(vendor_user, gateway, make_leaf(impostor, EUI).der)


def test_a_leaf_for_servers_is_refused(authority: Authority, ca: Made, gateway: Gateway, vendor_user: User) -> None:
    usages = [makers.basic_constraints(ca=False), makers.extended_key_usage(ExtendedKeyUsageOID.SERVER_AUTH)]
    assert code_of(vendor_user, gateway, make_leaf(ca, EUI, extensions=usages).der)


def test_a_weak_key_is_refused(authority: Authority, ca: Made, gateway: Gateway, vendor_user: User) -> None:
    leaf = make_leaf(ca, EUI, key=makers.rsa_key(1024))
    assert code_of(vendor_user, gateway, leaf.der).startswith("weak-key")


def test_a_private_key_is_refused_and_not_kept(
    authority: Authority, ca: Made, gateway: Gateway, vendor_user: User
) -> None:
    leaf = make_leaf(ca, EUI)
    assert code_of(vendor_user, gateway, leaf.pem + makers.private_pem(leaf.key)) == "private-key"
    assert code_of(vendor_user, gateway, makers.private_der(leaf.key, PrivateFormat.PKCS8)) == "private-key"


def test_an_authority_alone_is_no_leaf(authority: Authority, ca: Made, gateway: Gateway, vendor_user: User) -> None:
    assert code_of(vendor_user, gateway, ca.pem) == "one-leaf"


def test_the_same_leaf_twice_adds_nothing(authority: Authority, ca: Made, gateway: Gateway, vendor_user: User) -> None:
    record_leaf(vendor_user, gateway, make_leaf(ca, EUI).der)
    same = Certificate.objects.get().der
    assert code_of(vendor_user, gateway, bytes(same)) == "duplicate"


def test_a_serial_number_that_was_given_twice_is_named(
    authority: Authority, ca: Made, gateway: Gateway, vendor_user: User
) -> None:
    record_leaf(vendor_user, gateway, make_leaf(ca, EUI, serial=77, key=makers.p256_key("first")).der)
    again = make_leaf(ca, EUI, serial=77, key=makers.p256_key("second"))
    assert code_of(vendor_user, gateway, again.der) == "serial-used"


def test_a_disputed_gateway_gets_none(
    authority: Authority, ca: Made, gateway: Gateway, vendor_user: User, other_vendor_user: User
) -> None:
    """G12: fails without `refuse_unfit` in `record_leaf`."""
    claim(other_vendor_user, gateway.eui)
    with pytest.raises(Refused) as refused:
        record_leaf(vendor_user, gateway, make_leaf(ca, EUI).der)
    assert refused.value.code == "gateway-disputed"


def test_nobody_records_for_another_vendor(
    authority: Authority, ca: Made, gateway: Gateway, other_vendor_user: User
) -> None:
    with pytest.raises(Forbidden):
        record_leaf(other_vendor_user, gateway, make_leaf(ca, EUI).der)


def test_an_operator_records_for_the_vendor(
    authority: Authority, ca: Made, gateway: Gateway, operator: User, vendor: Vendor
) -> None:
    assert record_leaf(operator, gateway, make_leaf(ca, EUI).der).vendor == vendor


def test_the_page_takes_a_file(
    authority: Authority, ca: Made, gateway: Gateway, vendor_user: User, client_of: ClientOf
) -> None:
    file = SimpleUploadedFile("leaf.der", make_leaf(ca, EUI).der)
    answer = client_of(vendor_user).post(f"/gateways/{gateway.pk}/record/", {"file": file})
    assert answer["Location"] == f"/certificates/{Certificate.objects.get().pk}/"


def test_the_page_says_why_not_beside_the_field(
    authority: Authority, ca: Made, gateway: Gateway, vendor_user: User, client_of: ClientOf
) -> None:
    client, path = client_of(vendor_user), f"/gateways/{gateway.pk}/record/"
    pem = make_leaf(ca, EUI.lower()).pem.decode()
    page = client.post(path, {"leaf": pem}).content.decode()
    assert f"It must be exactly {EUI}" in page
    assert "Paste the certificate" in client.post(path, {"leaf": ""}).content.decode()
