"""What is signed: serials, validity, twins, and certificates put together from a twin and a signature."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from pki import private_keys
from pki.errors import PkiError
from pki.issuing import Template, Twin, complete, new_serial, prepare, validity
from pki.lint import LintRefused, lint
from pki.profiles import DAYS_90, GATEWAY_CLIENT, ONE_YEAR, ROOT, TWO_YEARS
from tests.pki.issued import Issued, World, make_template, make_world
from tests.pki.makers import EUI, NOW, basic_constraints, extension, key_usage, make_root, p256_key

CA = [basic_constraints(), key_usage("key_cert_sign", "crl_sign")]
# a P-256 key, an issuing CA of 2026, and the bytes to be signed, looked at once with `openssl asn1parse`
GOLDEN_KEY = (
    "3059301306072a8648ce3d020106082a8648ce3d03010703420004885296bc500db87ba60dcf7312c4dad6b930d65451d0fb"
    "af079f45157a5ed6840616fca613aa16d45c09e697b01dee61860ff8739cbce512791309a571cdbf1a"
)
GOLDEN_ISSUER = (
    "308201a53082014ba00302010202115eed000000000000000000000000000000300a06082a8648ce3d040302301431123010"
    "06035504030c095465737420526f6f74301e170d3236303631353131353530305a170d3331303631343132303030305a3017"
    "3115301306035504030c0c546573742049737375696e673059301306072a8648ce3d020106082a8648ce3d03010703420004"
    "32ea6a95c804363c41261d44e39022bd590fafcff582a1ed7fa942a0d3fba42ce364ee4976b07dad23be58dce109368d1bc2"
    "fe65874de6c85b9f4d78242ef71fa37b307930120603551d130101ff040830060101ff020100300e0603551d0f0101ff0404"
    "0302010630130603551d25040c300a06082b06010505070302301d0603551d0e04160414afa75abde8e62619baed4ca79df5"
    "94526c23a673301f0603551d230418301680143ce40adf207066c5c34c6a65ccbcb65f74602e14300a06082a8648ce3d0403"
    "02034800304502201f1fc6b31c4c94aa6e47b10518c9865d47d7d6af2737b08c43d2f42d095bf0c7022100a63cba4a06a712"
    "cc95173fcee7233216d300993347fe9e4b0762454e6f7038e7"
)
GOLDEN_TBS = (
    "3082014fa00302010202144242424242424242424242424242424242424242300a06082a8648ce3d04030230173115301306"
    "035504030c0c546573742049737375696e67301e170d3236303631353131353530305a170d3237303631353132303030305a"
    "301b3119301706035504030c10353841304342464646453132333435363059301306072a8648ce3d020106082a8648ce3d03"
    "010703420004885296bc500db87ba60dcf7312c4dad6b930d65451d0fbaf079f45157a5ed6840616fca613aa16d45c09e697"
    "b01dee61860ff8739cbce512791309a571cdbf1aa3753073300c0603551d130101ff04023000300e0603551d0f0101ff0404"
    "0302078030130603551d25040c300a06082b06010505070302301d0603551d0e0416041436c6003d58a4ae9838389112bb10"
    "776658e40234301f0603551d23041830168014afa75abde8e62619baed4ca79df594526c23a673"
)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture(scope="module")
def template(world: World) -> Template:
    return make_template(GATEWAY_CLIENT, EUI, world.leaf.private_der, issuer=world.issuing)


def sign(world: World, tbs: bytes) -> bytes:
    return private_keys.sign(world.issuing.private_der, tbs)


def finish(world: World, twin: Twin, **changes: Any) -> bytes:
    arguments: dict[str, Any] = {
        "algorithm": twin.signature_algorithm,
        "signature": sign(world, twin.tbs),
        "issuer_public_key_der": private_keys.public_key_der(world.issuing.private_der),
    }
    return complete(twin.tbs, **(arguments | changes))


def authority_identifier(der: bytes) -> bytes | None:
    certificate = x509.load_der_x509_certificate(der)
    return certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier


# Serial numbers, guarantee G2


def test_serials_are_positive_of_20_octets_and_never_the_same() -> None:
    """G2: fails when `secrets.randbits(SERIAL_BITS - 1)` in `new_serial` is removed or made shorter."""
    serials = [new_serial() for _ in range(5000)]
    assert len(set(serials)) == len(serials)
    assert {len(serial.to_bytes(20, "big", signed=True).lstrip(b"\x00")) for serial in serials} == {20}
    assert all(serial > 0 for serial in serials)


def test_at_least_128_bits_of_a_serial_are_random() -> None:
    """G2: fails when `SERIAL_BITS - 1` in `secrets.randbits` becomes 127."""
    serials = [new_serial() for _ in range(400)]
    varying = [bit for bit in range(160) if len({serial >> bit & 1 for serial in serials}) == 2]
    assert len(varying) >= 128


@pytest.mark.parametrize("serial", [0, -1, 1 << 159, 1 << 200])
def test_a_serial_out_of_bounds_is_refused_before_anything_is_built(template: Template, serial: int) -> None:
    """G2: fails when the check of `template.serial` in `refuse_template` is removed."""
    with pytest.raises(PkiError) as refusal:
        prepare(replace(template, serial=serial))
    assert refusal.value.code == "serial-refused"


# Validity


@pytest.mark.parametrize("lifetime", [DAYS_90, ONE_YEAR, TWO_YEARS])
def test_validity_begins_five_minutes_ago_and_ends_a_lifetime_from_now(lifetime: timedelta) -> None:
    assert validity(NOW, lifetime, None) == (NOW - timedelta(minutes=5), NOW + lifetime)


def test_validity_has_whole_seconds() -> None:
    not_before, not_after = validity(NOW.replace(microsecond=999_999), ONE_YEAR, None)
    assert (not_before.microsecond, not_after.microsecond) == (0, 0)


def test_a_certificate_ends_with_its_issuer_at_the_latest() -> None:
    issuer_end = NOW + timedelta(days=30)
    assert validity(NOW, ONE_YEAR, issuer_end)[1] == issuer_end


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=1), timedelta(days=400)])
def test_an_expired_issuer_gives_no_validity(late: timedelta) -> None:
    with pytest.raises(PkiError) as refusal:
        validity(NOW, ONE_YEAR, NOW - late)
    assert refusal.value.code == "issuer-expired"


def test_validity_crosses_a_leap_day_by_counting_days() -> None:
    leap_day = datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC)
    assert validity(leap_day, ONE_YEAR, None)[1] == datetime(2029, 2, 28, 23, 59, 59, tzinfo=UTC)


def test_validity_ends_in_the_year_9999_at_the_latest() -> None:
    end = validity(datetime(9999, 6, 1, tzinfo=UTC), ONE_YEAR, None)[1]
    assert end == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("lifetime", [timedelta(0), -ONE_YEAR])
def test_a_lifetime_of_nothing_is_refused(lifetime: timedelta) -> None:
    with pytest.raises(PkiError) as refusal:
        validity(NOW, lifetime, None)
    assert refusal.value.code == "lifetime-refused"


def test_a_clock_in_another_zone_means_the_same_instant() -> None:
    elsewhere = NOW.astimezone(datetime.fromisoformat("2026-06-15T00:00:00+05:45").tzinfo)
    assert [each.utcoffset() for each in validity(elsewhere, ONE_YEAR, None)] == [timedelta(0)] * 2
    assert validity(elsewhere, ONE_YEAR, None) == validity(NOW, ONE_YEAR, None)


@pytest.mark.parametrize(
    ("not_after", "encoded"),
    [
        (datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), b"\x17\x0d491231235959Z"),
        (datetime(2050, 1, 1, tzinfo=UTC), b"\x18\x0f20500101000000Z"),
    ],
)
def test_years_from_2050_are_written_as_generalized_time(not_after: datetime, encoded: bytes) -> None:
    root = make_template(ROOT, "Root", private_keys.generate("P-256"))
    twin = prepare(replace(root, not_before=datetime(2030, 1, 1, tzinfo=UTC), not_after=not_after))
    assert encoded in twin.tbs


# Twins, guarantee G5


def test_a_twin_names_the_hash_of_what_will_be_signed(template: Template) -> None:
    twin = prepare(template)
    assert twin.tbs_sha256 == hashlib.sha256(twin.tbs).hexdigest()
    assert x509.load_der_x509_certificate(twin.der).tbs_certificate_bytes == twin.tbs


def test_the_same_template_always_gives_the_same_bytes(template: Template) -> None:
    assert prepare(template).tbs == prepare(template).tbs


def test_the_bytes_of_a_known_template_never_change(golden_template: Template) -> None:
    """A row recorded by an older release must lead to the same certificate after an update."""
    assert prepare(golden_template).tbs.hex() == GOLDEN_TBS


def test_what_lint_refuses_is_not_prepared(template: Template, monkeypatch: pytest.MonkeyPatch) -> None:
    """G5: fails when `refuse_lint(der)` in `prepare` is removed."""
    monkeypatch.setattr("pki.issuing._key_usage", lambda _: x509.KeyUsage(*[True] * 9))
    with pytest.raises(LintRefused):
        prepare(template)


def test_a_twin_is_not_signed_by_its_issuer(world: World, template: Template) -> None:
    twin = x509.load_der_x509_certificate(prepare(template).der)
    with pytest.raises(PkiError) as refusal:
        finish(world, prepare(template), signature=twin.signature)
    assert refusal.value.code == "signature-wrong"


def test_the_authority_key_identifier_is_what_the_issuer_calls_itself(world: World) -> None:
    odd = x509.SubjectKeyIdentifier(b"chosen by the issuer")
    issuer = make_root(key=p256_key("odd"), key_identifiers=False, extensions=[*CA, extension(odd)])
    template = make_template(GATEWAY_CLIENT, EUI, world.leaf.private_der, issuer=Issued(issuer.der, b""))
    assert authority_identifier(prepare(template).der) == odd.digest


def test_an_issuer_without_identifier_is_identified_by_its_key(world: World) -> None:
    issuer = make_root(key=p256_key("bare"), key_identifiers=False, extensions=CA)
    template = make_template(GATEWAY_CLIENT, EUI, world.leaf.private_der, issuer=Issued(issuer.der, b""))
    expected = x509.SubjectKeyIdentifier.from_public_key(issuer.key.public_key()).digest
    assert authority_identifier(prepare(template).der) == expected


def test_the_issuer_is_named_with_the_very_bytes_of_its_subject(world: World) -> None:
    """Go compares names by bytes, so PrintableString must not become UTF8String."""
    printable = x509.NameAttribute(x509.NameOID.COMMON_NAME, "Printable", x509.name._ASN1Type.PrintableString)
    issuer = make_root(x509.Name([printable]))
    template = make_template(GATEWAY_CLIENT, EUI, world.leaf.private_der, issuer=Issued(issuer.der, b""))
    assert issuer.subject_der in prepare(template).tbs


# Completion, guarantee G5


def test_a_complete_certificate_holds_exactly_the_recorded_bytes(world: World, template: Template) -> None:
    twin = prepare(template)
    certificate = x509.load_der_x509_certificate(finish(world, twin))
    assert certificate.tbs_certificate_bytes == twin.tbs
    assert lint(finish(world, twin)) == ()


def test_bytes_altered_after_signing_are_noticed(world: World, template: Template) -> None:
    """G5: fails when the check by `is_signed_by` in `complete` is removed."""
    twin = prepare(template)
    altered = replace(twin, tbs=twin.tbs.replace(EUI.encode(), b"58A0CBFFFE123457"))
    with pytest.raises(PkiError) as refusal:
        finish(world, altered, signature=sign(world, twin.tbs))
    assert refusal.value.code == "signature-wrong"


@pytest.mark.parametrize("signature", [b"", b"\x00", b"\x30\x06\x02\x01\x01\x02\x01\x01"])
def test_a_signature_that_is_none_is_noticed(world: World, template: Template, signature: bytes) -> None:
    with pytest.raises(PkiError) as refusal:
        finish(world, prepare(template), signature=signature)
    assert refusal.value.code == "signature-wrong"


def test_the_signature_of_another_authority_is_noticed(world: World, template: Template) -> None:
    twin = prepare(template)
    with pytest.raises(PkiError) as refusal:
        finish(world, twin, signature=private_keys.sign(world.root.private_der, twin.tbs))
    assert refusal.value.code == "signature-wrong"


def test_a_twin_for_another_kind_of_issuer_is_noticed(world: World, template: Template) -> None:
    with pytest.raises(PkiError) as refusal:
        finish(world, prepare(template), algorithm="ecdsa-with-SHA384")
    assert refusal.value.code == "signature-algorithm"


@pytest.mark.parametrize("tbs", [b"", b"\x30\x00", b"not DER at all"])
def test_signed_bytes_that_are_no_certificate_are_not_passed_on(world: World, template: Template, tbs: bytes) -> None:
    with pytest.raises(PkiError) as refusal:
        finish(world, replace(prepare(template), tbs=tbs))
    assert refusal.value.code == "certificate-unreadable"


def test_bytes_behind_the_certificate_to_be_signed_are_noticed(world: World, template: Template) -> None:
    """G5: fails when `_refuse_misread` is removed from `complete`."""
    twin = prepare(template)
    with pytest.raises(PkiError):
        finish(world, replace(twin, tbs=twin.tbs + b"\x05\x00"))


@pytest.mark.parametrize("key_type", ["P-256", "P-384", "RSA 2048"])
def test_the_algorithm_inside_and_outside_agree(key_type: str) -> None:
    world = make_world(key_type)
    for der in (world.root.der, world.issuing.der, world.leaf.der):
        certificate = x509.load_der_x509_certificate(der)
        issuer = world.root.der if der != world.leaf.der else world.issuing.der
        certificate.verify_directly_issued_by(x509.load_der_x509_certificate(issuer))


# The fixed template


@pytest.fixture(scope="module")
def golden_template() -> Template:
    return Template(
        profile=GATEWAY_CLIENT,
        common_name=EUI,
        public_key_der=bytes.fromhex(GOLDEN_KEY),
        serial=0x4242424242424242424242424242424242424242,
        not_before=datetime(2026, 6, 15, 11, 55, tzinfo=UTC),
        not_after=datetime(2027, 6, 15, 12, 0, tzinfo=UTC),
        issuer_der=bytes.fromhex(GOLDEN_ISSUER),
    )
