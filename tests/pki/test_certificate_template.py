"""What is refused before a certificate is built."""

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki import private_keys
from pki.errors import PkiError
from pki.issuing import Template, prepare
from pki.profiles import GATEWAY_CLIENT, ISSUING, ONE_YEAR, ROOT
from tests.pki.issued import Issued, World, make_template, make_world
from tests.pki.makers import (
    EUI,
    NOW,
    PrivateKey,
    RawExtension,
    at,
    basic_constraints,
    curve_key,
    extended_key_usage,
    key_usage,
    leaf_extensions,
    make_root,
    p256_key,
    public_der,
    rsa_key,
)

CERT_SIGN = key_usage("key_cert_sign", "crl_sign")


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture(scope="module")
def template(world: World) -> Template:
    return make_template(GATEWAY_CLIENT, EUI, world.leaf.private_der, issuer=world.issuing)


@pytest.fixture(scope="module")
def authority_template(world: World) -> Template:
    return make_template(ISSUING, "Issuing", private_keys.generate("P-256"), issuer=world.root)


def refusal_of(template: Template) -> str:
    with pytest.raises(PkiError) as refusal:
        prepare(template)
    return refusal.value.code


def under(world: World, *extensions: RawExtension, **changes: object) -> Template:
    """A gateway's template whose issuer carries these extensions."""
    issuer = make_root("Odd CA", extensions=list(extensions), **changes)
    return make_template(GATEWAY_CLIENT, EUI, world.leaf.private_der, issuer=Issued(issuer.der, b""))


@pytest.mark.parametrize(
    "name",
    [
        "58a0cbfffe123456",
        "58-A0-CB-FF-FE-12-34-56",
        "58A0CBFFFE12345",
        "58A0CBFFFE1234567",
        "58A0CBFFFE12345G",
        "58A0CBFFFE12345\uff16",
        "gateway",
    ],
)
def test_a_gateway_is_named_by_its_eui_in_sixteen_upper_case_digits(template: Template, name: str) -> None:
    """Row 3: The Things Stack compares the common name character by character."""
    assert refusal_of(replace(template, common_name=name)) == "common-name-refused"


@pytest.mark.parametrize("name", ["", " Root", "Root\n", "Ro\x00ot", "\u202etooR", "Ro\ud800ot", "R" * 65, "Ü" * 33])
def test_an_authority_has_a_name_that_can_be_read(name: str) -> None:
    root = make_template(ROOT, "Root", private_keys.generate("P-256"))
    assert refusal_of(replace(root, common_name=name)) == "name-refused"


def test_an_authority_may_have_a_name_of_64_letters_beyond_ascii() -> None:
    root = make_template(ROOT, "Ü" * 32, private_keys.generate("P-256"))
    assert prepare(replace(root, names=(("O", "Gerätebau Łódź"),))).der


def test_a_gateway_has_no_organisation(template: Template) -> None:
    assert refusal_of(replace(template, names=(("O", "Acme"),))) == "common-name-refused"


@pytest.mark.parametrize(
    "key", [rsa_key(1024), curve_key(ec.SECP521R1), ed25519.Ed25519PrivateKey.generate()], ids=["RSA", "P-521", "Ed"]
)
def test_a_key_that_a_station_cannot_use_is_refused(template: Template, key: PrivateKey) -> None:
    assert refusal_of(replace(template, public_key_der=public_der(key))) == "key-type-refused"


def test_a_public_key_that_cannot_be_read_is_refused(template: Template) -> None:
    assert refusal_of(replace(template, public_key_der=b"\x30\x00")) == "public-key-unreadable"


def test_only_a_root_signs_itself(template: Template, world: World) -> None:
    assert refusal_of(replace(template, issuer_der=None)) == "issuer-missing"
    root = make_template(ROOT, "Root", private_keys.generate("P-256"))
    assert refusal_of(replace(root, issuer_der=world.root.der)) == "issuer-missing"


def test_a_lifetime_longer_than_the_profile_allows_is_refused(template: Template) -> None:
    too_late = NOW + GATEWAY_CLIENT.lifetimes[-1] + timedelta(seconds=1)
    assert refusal_of(replace(template, not_after=too_late)) == "lifetime-refused"


@pytest.mark.parametrize(
    "changes",
    [
        {"not_after": NOW - timedelta(minutes=5)},
        {"not_before": NOW.replace(microsecond=1)},
        {"not_after": NOW.replace(tzinfo=None) + ONE_YEAR},
        {"not_after": (NOW + ONE_YEAR).astimezone(timezone(timedelta(hours=2)))},
    ],
)
def test_validity_that_is_not_ordered_whole_seconds_in_utc_is_refused(
    template: Template, changes: dict[str, Any]
) -> None:
    assert refusal_of(replace(template, **changes)) == "validity-refused"


def test_a_leaf_never_outlives_its_issuer(world: World) -> None:
    """Row 24: fails when the comparison with `issuer.not_valid_after_utc` is removed."""
    issuer = make_root("Short CA", extensions=[basic_constraints(), CERT_SIGN], not_after=at(2026, 7))
    template = make_template(GATEWAY_CLIENT, EUI, world.leaf.private_der, issuer=Issued(issuer.der, b""))
    assert template.not_after == at(2026, 7)
    assert prepare(template).der
    assert refusal_of(replace(template, not_after=at(2026, 7) + timedelta(seconds=1))) == "outlives-issuer"


def test_an_issuer_that_begins_tomorrow_is_refused(world: World) -> None:
    tomorrow = NOW + timedelta(days=1)
    assert refusal_of(under(world, basic_constraints(), CERT_SIGN, not_before=tomorrow)) == "issuer-not-yet-valid"


def test_a_fresh_issuer_may_issue_in_its_first_second(world: World) -> None:
    assert prepare(under(world, basic_constraints(), CERT_SIGN, not_before=NOW)).der


def test_a_leaf_issues_nothing(world: World, template: Template) -> None:
    assert refusal_of(replace(template, issuer_der=world.leaf.der)) == "issuer-not-a-ca"


@pytest.mark.parametrize(
    ("extensions", "code"),
    [
        ([CERT_SIGN], "issuer-not-a-ca"),
        (leaf_extensions(), "issuer-not-a-ca"),
        ([basic_constraints(), key_usage("crl_sign")], "issuer-cannot-sign"),
        ([basic_constraints(), CERT_SIGN, extended_key_usage(ExtendedKeyUsageOID.SERVER_AUTH)], "issuer-usage"),
    ],
)
def test_an_issuer_that_may_not_sign_is_refused(world: World, extensions: list[RawExtension], code: str) -> None:
    assert refusal_of(under(world, *extensions)) == code


@pytest.mark.parametrize(
    "extensions",
    [
        [basic_constraints()],
        [basic_constraints(), CERT_SIGN, extended_key_usage(ExtendedKeyUsageOID.CLIENT_AUTH)],
        [basic_constraints(), CERT_SIGN, extended_key_usage(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)],
        [basic_constraints(path_length=0), CERT_SIGN],
    ],
)
def test_an_issuer_that_may_sign_gateways_is_accepted(world: World, extensions: list[RawExtension]) -> None:
    assert prepare(under(world, *extensions)).der


def test_an_unreadable_issuer_is_refused(template: Template) -> None:
    assert refusal_of(replace(template, issuer_der=b"\x30\x00")) == "certificate-unreadable"


def test_an_issuer_with_a_key_of_another_kind_is_refused(world: World) -> None:
    issuer = make_root(key=ed25519.Ed25519PrivateKey.generate(), extensions=[basic_constraints(), CERT_SIGN])
    template = make_template(GATEWAY_CLIENT, EUI, world.leaf.private_der, issuer=Issued(issuer.der, b""))
    assert refusal_of(template) == "issuer-key-refused"


def test_an_exhausted_path_length_gives_no_further_authority(world: World) -> None:
    template = make_template(ISSUING, "Third", private_keys.generate("P-256"), issuer=world.issuing)
    assert refusal_of(template) == "path-length-exhausted"


@pytest.mark.parametrize("length", [1, 7, -1])
def test_a_path_length_that_the_issuer_does_not_allow_is_refused(authority_template: Template, length: int) -> None:
    assert refusal_of(replace(authority_template, path_length=length)) == "path-length-refused"


def test_a_gateway_has_no_path_length(template: Template) -> None:
    assert refusal_of(replace(template, path_length=0)) == "path-length-refused"


def test_a_chosen_path_length_is_written(world: World) -> None:
    root = make_template(ROOT, "Root", private_keys.generate("P-256"))
    certificate = x509.load_der_x509_certificate(prepare(replace(root, path_length=3)).der)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 3


def test_an_authority_may_stand_two_below_a_root_that_allows_it() -> None:
    root_key = private_keys.generate("P-256")
    issuer = make_root(key=p256_key("deep"), extensions=[basic_constraints(path_length=2), CERT_SIGN])
    template = make_template(ISSUING, "Middle", root_key, issuer=Issued(issuer.der, b""))
    assert prepare(replace(template, path_length=1)).der
