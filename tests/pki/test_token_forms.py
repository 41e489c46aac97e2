"""What a token takes and gives, held against what `cryptography` makes of the same."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from hypothesis import given
from hypothesis import strategies as st

from pki import private_keys, token_forms
from pki.errors import PkiError
from pki.signatures import is_signed_by, read_public_key

MESSAGE = b"to be signed"
SIZES = {"P-256": 32, "P-384": 48}


@pytest.mark.parametrize("key_type", ["P-256", "P-384"])
@pytest.mark.parametrize("header", ["0441", "0461", ""])
def test_a_point_is_read_bare_and_in_an_octet_string(key_type: str, header: str) -> None:
    spki = private_keys.public_key_der(private_keys.generate(key_type))
    public_key = read_public_key(spki)
    point = public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert token_forms.ec_public_key(key_type, bytes.fromhex(header) + point) == spki


@pytest.mark.parametrize("point", [b"", b"\x04", bytes(65), b"\x04" + bytes(64), bytes(64)])
def test_what_is_no_point_is_refused(point: bytes) -> None:
    with pytest.raises(PkiError) as refused:
        token_forms.ec_public_key("P-256", point)
    assert refused.value.code == "public-key-unreadable"


def test_a_modulus_and_an_exponent_are_a_public_key() -> None:
    spki = private_keys.public_key_der(private_keys.generate("RSA 2048"))
    key = read_public_key(spki)
    assert isinstance(key, rsa.RSAPublicKey)
    assert token_forms.rsa_public_key(key.public_numbers().n.to_bytes(256, "big"), b"\x01\x00\x01") == spki


@pytest.mark.parametrize("key_type", ["P-256", "P-384"])
def test_r_and_s_one_after_the_other_are_a_signature(key_type: str) -> None:
    private_der = private_keys.generate(key_type)
    public_key = read_public_key(private_keys.public_key_der(private_der))
    numbers = decode_dss_signature(private_keys.sign(private_der, MESSAGE))
    raw = b"".join(each.to_bytes(SIZES[key_type], "big") for each in numbers)
    assert is_signed_by(public_key, signature=token_forms.from_raw(public_key, raw), message=MESSAGE)


@given(r=st.integers(1, 2**256 - 1), s=st.integers(1, 2**256 - 1))
def test_r_and_s_of_any_size_come_through(r: int, s: int) -> None:
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert decode_dss_signature(token_forms.from_raw(P256, raw)) == (r, s)


P256 = read_public_key(private_keys.public_key_der(private_keys.generate("P-256")))


def test_what_rsa_signs_is_what_pkcs_1_pads() -> None:
    """The plain power of the modulus shows what was padded."""
    private_der = private_keys.generate("RSA 2048")
    private, public_key = (
        load_der_private_key(private_der, None),
        read_public_key(private_keys.public_key_der(private_der)),
    )
    assert isinstance(private, rsa.RSAPrivateKey)
    numbers = private.public_key().public_numbers()
    signature = int.from_bytes(private_keys.sign(private_der, MESSAGE), "big")
    padded = pow(signature, numbers.e, numbers.n).to_bytes(256, "big")
    (digest,) = token_forms.digests_of(public_key, [MESSAGE])
    assert padded.endswith(b"\xff\x00" + token_forms.to_sign(public_key, digest))


@pytest.mark.parametrize("key_type", ["P-256", "P-384", "RSA 2048"])
def test_a_digest_of_another_hash_is_refused(key_type: str) -> None:
    public_key = read_public_key(private_keys.public_key_der(private_keys.generate(key_type)))
    with pytest.raises(ValueError, match="not of the key's hash"):
        token_forms.to_sign(public_key, bytes(20))


def test_curves_are_named_and_other_kinds_are_refused() -> None:
    assert token_forms.curve_parameters("RSA 2048") is None
    named = {each: token_forms.curve_parameters(each) for each in ("P-256", "P-384")}
    for key_type, oid in named.items():
        assert oid is not None
        assert oid in private_keys.public_key_der(private_keys.generate(key_type))
    with pytest.raises(PkiError):
        token_forms.curve_parameters("P-521")
