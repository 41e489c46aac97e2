"""Path validation by RFC 5280 section 6, held against cases with a known answer."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from hypothesis import given
from hypothesis import strategies as st

from pki.path_validation import ChainRefused, verify_chain
from tests.pki import makers
from tests.pki.makers import NOW, Made, basic_constraints, extended_key_usage, key_usage, leaf_extensions

ROOT = makers.make_root()
ISSUING = makers.make_issuing(ROOT)
LEAF = makers.make_leaf(ISSUING)
CA = [basic_constraints(), key_usage("key_cert_sign", "crl_sign")]


def refused(leaf: Made, *, trust: Made = ROOT, untrusted: tuple[Made, ...] = (ISSUING,), **more: object) -> str:
    with pytest.raises(ChainRefused) as raised:
        verify_chain(
            leaf.der,
            trust=[trust.der],
            untrusted=[each.der for each in untrusted],
            **{"at": NOW, **more},  # type: ignore[arg-type]  # each is a parameter
        )
    return raised.value.code


def test_it_accepts_a_path_to_the_root() -> None:
    path = verify_chain(LEAF.der, trust=[ROOT.der], untrusted=[ISSUING.der], at=NOW, purpose="client")
    assert path.certificates == (LEAF.der, ISSUING.der, ROOT.der)


def test_an_intermediate_may_be_the_anchor() -> None:
    assert verify_chain(LEAF.der, trust=[ISSUING.der], at=NOW).certificates == (LEAF.der, ISSUING.der)


def test_it_refuses_an_unknown_authority() -> None:
    assert refused(LEAF, untrusted=()) == "unknown-authority"


def test_it_refuses_a_twin_of_the_issuer_with_another_key() -> None:
    assert refused(LEAF, untrusted=(makers.make_issuing(ROOT, key=makers.p256_key("other")),)) != "valid"


@pytest.mark.parametrize(("year", "code"), [(2050, "expired"), (2020, "not-yet-valid")])
def test_it_looks_at_the_dates(year: int, code: str) -> None:
    assert refused(LEAF, at=datetime(year, 1, 1, tzinfo=UTC)) == code


def test_it_refuses_an_issuer_that_is_no_authority() -> None:
    fake = makers.make_issuing(ROOT, extensions=[basic_constraints(ca=False)])
    assert refused(makers.make_leaf(fake), untrusted=(fake,)) in ("not-a-ca", "unknown-authority", "invalid-path")


def test_it_refuses_an_issuer_without_key_cert_sign() -> None:
    fake = makers.make_issuing(ROOT, extensions=[basic_constraints(), key_usage("digital_signature")])
    assert refused(makers.make_leaf(fake), untrusted=(fake,)) in ("no-cert-sign", "unknown-authority", "invalid-path")


def test_it_refuses_a_path_longer_than_allowed() -> None:
    short = makers.make_issuing(ROOT, "Short", extensions=[basic_constraints(path_length=0), CA[1]])
    below = makers.make_issuing(short, "Below", key=makers.p256_key("below"))
    assert refused(makers.make_leaf(below), untrusted=(short, below)) == "path-length-exceeded"


def test_it_asks_for_the_usage_along_the_whole_path() -> None:
    server = makers.make_issuing(ROOT, extensions=[*CA, extended_key_usage(Usage.SERVER_AUTH)])
    assert refused(makers.make_leaf(server), untrusted=(server,), purpose="client") == "key-usage"


def test_a_leaf_for_servers_is_refused_as_a_client() -> None:
    leaf = makers.make_leaf(ISSUING, extensions=[extended_key_usage(Usage.SERVER_AUTH)])
    assert refused(leaf, purpose="client") == "key-usage"
    assert verify_chain(leaf.der, trust=[ROOT.der], untrusted=[ISSUING.der], at=NOW, purpose="server").certificates


def test_it_refuses_an_unknown_critical_extension() -> None:
    leaf = makers.make_leaf(ISSUING, extensions=[*leaf_extensions(), ("1.2.3.4.5", True, b"\x05\x00")])
    assert refused(leaf) == "unhandled-critical-extension"


def test_it_refuses_sha1_below_the_anchor() -> None:
    assert refused(makers.make_leaf(ISSUING, digest=hashes.SHA1())) == "weak-signature"


def test_it_refuses_short_rsa_keys() -> None:
    assert refused(makers.make_leaf(ISSUING, key=makers.rsa_key(1024))) == "weak-key"


def test_it_refuses_a_broken_signature() -> None:
    broken = LEAF.der[:-1] + bytes([LEAF.der[-1] ^ 1])
    with pytest.raises(ChainRefused):
        verify_chain(broken, trust=[ROOT.der], untrusted=[ISSUING.der], at=NOW)


def test_it_keeps_to_name_constraints() -> None:
    permitted = x509.NameConstraints(permitted_subtrees=[x509.DNSName("good.example")], excluded_subtrees=None)
    bound = makers.make_issuing(ROOT, extensions=[*CA, makers.extension(permitted, critical=True)])
    names = x509.SubjectAlternativeName([x509.DNSName("bad.example")])
    leaf = makers.make_leaf(bound, extensions=[*leaf_extensions(), makers.extension(names)])
    assert refused(leaf, untrusted=(bound,)) == "name-constraint"


def test_many_certificates_are_not_tried() -> None:
    with pytest.raises(ChainRefused, match="More than"):
        verify_chain(LEAF.der, trust=[ROOT.der] * 201, at=NOW)


@given(st.binary(max_size=300), st.integers(0, len(LEAF.der) - 1), st.integers(1, 255))
def test_whatever_comes_it_answers(noise: bytes, place: int, flip: int) -> None:
    mutated = bytearray(LEAF.der)
    mutated[place] ^= flip
    for leaf, trust in ((noise, [ROOT.der]), (bytes(mutated), [ISSUING.der]), (LEAF.der, [noise, bytes(mutated)])):
        try:
            verify_chain(leaf, trust=trust, untrusted=[noise], at=NOW)
        except ChainRefused:
            continue
        assert leaf == LEAF.der or bytes(mutated) == LEAF.der


def test_a_constraint_on_one_path_does_not_hide_another() -> None:
    """OpenSSL alone follows the first and gives up: fails without `_paths`."""
    key = makers.p256_key("crossed")
    forbids = makers.extension(
        x509.NameConstraints(None, [x509.DirectoryName(makers.to_name(makers.EUI))]), critical=True
    )
    barred = makers.make_issuing(ROOT, "Crossed", key=key, extensions=[*CA, forbids])
    open_one = makers.make_issuing(makers.make_root("Other Root"), "Crossed", key=key)
    other_root = makers.make_root("Other Root")
    leaf = makers.make_leaf(barred)
    for untrusted in ([barred.der, open_one.der], [open_one.der, barred.der]):
        path = verify_chain(leaf.der, trust=[ROOT.der, other_root.der], untrusted=untrusted, at=NOW)
        assert path.certificates == (leaf.der, open_one.der, other_root.der)


def test_an_expired_branch_does_not_hide_another() -> None:
    key = makers.p256_key("renewed")
    old = makers.make_issuing(ROOT, "Renewed", key=key, not_after=datetime(2025, 6, 1, tzinfo=UTC))
    new = makers.make_issuing(ROOT, "Renewed", key=key, serial=77)
    leaf = makers.make_leaf(new)
    assert verify_chain(leaf.der, trust=[ROOT.der], untrusted=[old.der, new.der], at=NOW).certificates[1] == new.der


def test_a_ring_of_cross_signed_authorities_ends() -> None:
    first, second = (makers.make_root(name) for name in ("Ring A", "Ring B"))
    a_by_b = makers.make_issuing(second, "Ring A", key=first.key)
    b_by_a = makers.make_issuing(first, "Ring B", key=second.key)
    assert refused(makers.make_leaf(a_by_b), untrusted=(a_by_b, b_by_a)) == "unknown-authority"


def test_many_authorities_of_one_name_are_a_bounded_work() -> None:
    """Falls over without MOST_PATHS and MOST_STEPS: each could have signed each."""
    crowd = [makers.make_certificate("Crowd", issuer=ROOT, issuer_name=makers.to_name("Crowd").public_bytes(),
                                     extensions=CA, serial=number) for number in range(1, 41)]  # fmt: skip
    leaf = makers.make_certificate(makers.EUI, issuer=ROOT, issuer_name=makers.to_name("Crowd").public_bytes(),
                                   extensions=leaf_extensions())  # fmt: skip
    assert refused(leaf, untrusted=tuple(crowd)) == "unknown-authority"


@pytest.mark.parametrize("serial", [0, -5, 1 << 160])
def test_a_serial_number_is_positive_and_of_twenty_octets(serial: int) -> None:
    assert refused(makers.make_leaf(ISSUING, serial=serial)) == "serial-number"


def test_a_root_may_have_any_serial_number() -> None:
    root = makers.make_root("Old Root", serial=0)
    issuing = makers.make_issuing(root)
    leaf = makers.make_leaf(issuing)
    assert verify_chain(leaf.der, trust=[root.der], untrusted=[issuing.der], at=NOW).certificates[-1] == root.der


def test_constraints_are_critical() -> None:
    """RFC 5280 section 4.2.1.10: a CA that does not mark them leaves it to chance who keeps to them."""
    loose = makers.extension(x509.NameConstraints([x509.DNSName("example.com")], None), critical=False)
    issuing = makers.make_issuing(ROOT, extensions=[*CA, loose])
    assert refused(makers.make_leaf(issuing), untrusted=(issuing,)) == "not-critical"


def test_a_gateway_constrains_nobody() -> None:
    stray = makers.extension(x509.NameConstraints([x509.DNSName("example.com")], None), critical=True)
    assert refused(makers.make_leaf(ISSUING, extensions=[*leaf_extensions(), stray])) == "name-constraint"


@pytest.mark.parametrize("name", [
    x509.DNSName("*.example.com"), x509.DNSName("not a name.example.com"), x509.RFC822Name("nobody"),
])  # fmt: skip
def test_a_name_that_cannot_be_compared_is_refused_under_a_constraint(name: x509.GeneralName) -> None:
    bars = makers.extension(x509.NameConstraints(None, [x509.DNSName("bad.example.com")]), critical=True)
    issuing = makers.make_issuing(ROOT, extensions=[*CA, bars])
    names = makers.extension(x509.SubjectAlternativeName([name]))
    leaf = makers.make_leaf(issuing, extensions=[*leaf_extensions(), names])
    assert refused(leaf, untrusted=(issuing,)) == "name-constraint"
