"""Files that are no request, more than one, or one that is not written as DER (X.690) and PEM (RFC 7468) want it."""

import base64
from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, pkcs7

from tests.pki.csr_forge import SHA256, Case, asked, extension, forge, key, made, named
from tests.pki.hostile_csr_extensions import IS_CA
from tests.pki.makers import (
    integer,
    make_root,
    p256_key,
    private_der,
    private_pem,
    public_der,
    rsa_key,
    sequence,
    tlv,
    to_pem,
)

LABEL = "CERTIFICATE REQUEST"
NONE, BROKEN, BLOCK, SECRET = "not-a-request", "malformed-request", "malformed-block", "private-key"


def cases() -> Iterator[Case]:
    yield from _structures()
    yield from _lengths()
    yield from _cut()
    yield from _pem()
    yield from _other_things()
    yield from _private_keys()


def _structures() -> Iterator[Case]:
    for name, version in (
        ("version 2", integer(1)),
        ("version 256", integer(255)),
        ("a version below nought", integer(-1)),
        ("a version of 4,000 bits", integer(1 << 4000)),
        ("a version of two octets", b"\x02\x02\x00\x00"),
        ("a version without a content", b"\x02\x00"),
        ("a version that is a text", tlv(0x0C, b"0")),
        ("no version", b""),
    ):
        yield made(name, forge(version=version), BROKEN)
    yield made("something after the attributes", forge(after=b"\x05\x00"), BROKEN)
    yield made("something after the signature", _with_content(lambda content: content + b"\x05\x00"), BROKEN)
    yield made("the signed part alone", _with_content(_first), BROKEN)
    yield made("the signed part twice", _with_content(lambda content: _first(content) * 2), BROKEN)
    yield made("an empty sequence", sequence(), BROKEN)
    yield made("a request in a sequence", sequence(forge()), BROKEN)
    yield made("a request in a SET", b"\x31" + forge()[1:], NONE)
    yield made("a request in an OCTET STRING", tlv(4, forge()), NONE)
    yield made("sequences within sequences, 5,000 deep", _nested(5_000), BROKEN)
    yield made("sequences of indefinite length, 30,000 deep", b"\x30\x80" * 30_000, BROKEN)


def _lengths() -> Iterator[Case]:
    good = forge()
    yield made("of indefinite length", b"\x30\x80" + good[4:] + b"\x00\x00", BROKEN)
    yield made("a length with too many octets", b"\x30\x83\x00" + good[2:], BROKEN)
    yield made("a short length in its long form", forge(subject=b"\x30\x81\x00"), BROKEN)
    yield made(
        "a name of indefinite length", forge(subject=b"\x30\x80" + named("58A0CBFFFE123456")[2:] + b"\x00\x00"), BROKEN
    )
    yield made("a length that is larger than the file", b"\x30\x84\x7f\xff\xff\xff" + good[4:], BROKEN)
    yield made("a length of nine octets", b"\x30\x89" + b"\xff" * 9 + good[4:], BROKEN)
    yield made("a length one too short", good[:3] + bytes([good[3] - 1]) + good[4:], BROKEN)
    yield made("a length one too long", good[:3] + bytes([good[3] + 1]) + good[4:], BROKEN)
    yield made("a length that is reserved", b"\x30\xff" + good[2:], BROKEN)
    yield made("a tag of many octets", b"\x3f\x30" + good[1:], NONE)


def _cut() -> Iterator[Case]:
    good = forge()
    for count in (1, 2, 3, 4, 10, len(good) // 2, len(good) - 1):
        yield made(f"the first {count} octets", good[:count], BROKEN)
    yield made("an octet after it", good + b"\x00", BROKEN)
    yield made("another request after it", good + good, BROKEN)
    yield made("blanks after it", good + b"    ", BROKEN)
    yield made("an octet before it", b"\x00" + good, NONE)
    yield made("a line end after it", good + b"\r\n")
    yield made("nothing", b"", NONE)
    yield made("zeros", bytes(1000), NONE)
    yield made("64 kB of one octet", b"\x30" * (64 * 1024), BROKEN)
    yield made("more than 64 kB", good + bytes(64 * 1024), "too-large")


def _pem() -> Iterator[Case]:
    good = to_pem(forge(), LABEL)
    yield made("PEM", good)
    yield made("PEM with the old label", to_pem(forge(), "NEW CERTIFICATE REQUEST"))
    yield made("PEM with CR and LF", good.replace(b"\n", b"\r\n"))
    yield made("PEM with CR alone", good.replace(b"\n", b"\r"))
    yield made("PEM with a byte order mark", b"\xef\xbb\xbf" + good)
    yield made("PEM with text around it", b"Subject: CN=58A0CBFFFE999999\n\n" + good + b"\nthe end\n")
    yield made("PEM in one line", good.replace(b"\n", b" "))
    yield made("PEM that asks for an authority", to_pem(forge(attributes=asked(IS_CA)), LABEL))
    yield made("PEM in UTF-16", good.decode().encode("utf-16"), NONE)
    yield made("two requests in PEM", good + good, NONE)
    yield made(
        "two requests in PEM, of two gateways", good + to_pem(forge(subject=named("58A0CBFFFE999999")), LABEL), NONE
    )
    yield made("two requests in one block", to_pem(forge() + forge(), LABEL), BROKEN)
    yield made("a certificate beside it", good + make_root().pem, NONE)
    yield made("PEM without its end", good[:-30], BLOCK)
    yield made("PEM with another end", good.replace(b"END CERTIFICATE REQUEST", b"END CERTIFICATE"), BLOCK)
    yield made("PEM without its beginning", good[40:], NONE)
    yield made("PEM in lower case", good.lower(), NONE)
    yield made("PEM with four dashes", good.replace(b"-----BEGIN", b"----BEGIN"), BLOCK)
    yield made("PEM with a letter that is none of base64", good.replace(b"MI", b"M*", 1), BLOCK)
    yield made("PEM with padding within", good.replace(b"\nMI", b"\nMA==MI", 1), BLOCK)
    yield made("PEM of nothing", to_pem(b"", LABEL), BROKEN)
    yield made("PEM with a header of OpenPGP's", good.replace(b"-----\n", b"-----\nVersion: 1\n\n", 1), BLOCK)
    yield made("PEM with another label", to_pem(forge(), "CERTIFICATE"), NONE)
    yield made("PEM with an unknown label", to_pem(forge(), "TRUSTED CERTIFICATE REQUEST"), NONE)
    yield made("2,000 beginnings", b"-----BEGIN CERTIFICATE REQUEST-----\n" * 1700, BLOCK)
    yield made("base64 without armour", base64.b64encode(forge()), NONE)
    yield made("base64 of the PEM", base64.b64encode(good), NONE)
    yield made("hexadecimal", forge().hex().encode(), NONE)


def _other_things() -> Iterator[Case]:
    root = make_root()
    bundle = pkcs7.serialize_certificates([root.certificate], Encoding.DER)
    signer = pkcs7.PKCS7SignatureBuilder().set_data(forge()).add_signer(root.certificate, root.key, SHA256)  # type: ignore[arg-type]  # P-256
    envelope = signer.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    yield made("a certificate in PEM", root.pem, NONE)
    yield made("a certificate in DER", root.der, BROKEN)
    yield made("a PKCS#7 bundle in DER", bundle, BROKEN)
    yield made("a PKCS#7 bundle in PEM", to_pem(bundle, "PKCS7"), NONE)
    yield made("a PKCS#7 bundle that is called a request", to_pem(bundle, LABEL), BROKEN)
    yield made("a request that somebody signed (CMS)", envelope, BROKEN)
    yield made("a request that somebody signed, called one", to_pem(envelope, LABEL), BROKEN)
    yield made("a public key in PEM", to_pem(public_der(key()), "PUBLIC KEY"), NONE)
    yield made("a public key in DER", public_der(key()), BROKEN)
    yield made("a signed public key (SPKAC)", b"SPKAC=" + base64.b64encode(sequence(public_der(key()))), NONE)
    yield made("a zip", b"PK\x03\x04" + forge(), NONE)
    yield made("gzip", b"\x1f\x8b\x08\x00" + bytes(20), NONE)
    yield made("JSON", b'{"csr": "MIIB"}', NONE)
    yield made("a page", b"<!doctype html><title>58A0CBFFFE123456</title>", NONE)
    yield made("a path", b"file:///etc/passwd", NONE)
    yield made("an address", b"http://169.254.169.254/", NONE)
    yield made("an OpenSSH key", b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", NONE)


def _private_keys() -> Iterator[Case]:
    good, secret = to_pem(forge(), LABEL), p256_key("pasted with a request")
    pkcs8, traditional = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL
    yield made("a private key before it", private_pem(secret) + good, SECRET)
    yield made("a private key after it", good + private_pem(secret), SECRET)
    yield made("a locked private key after it", good + private_pem(secret, password=b"x"), SECRET)
    yield made("a private key in DER after it", good + private_der(secret, pkcs8), SECRET)
    yield made("a private key in DER after a request in DER", forge() + private_der(secret, traditional), SECRET)
    yield made("a private key alone", private_pem(secret), SECRET)
    yield made("a private key that is called a request", to_pem(private_der(rsa_key(2048), pkcs8), LABEL), SECRET)
    yield made(
        "a private key as extension", forge(attributes=asked(extension("1.2.3", private_der(secret, pkcs8)))), SECRET
    )
    yield made("a private key as name", forge(subject=named(tlv(0x0C, private_pem(secret)))), SECRET)
    yield made("a private key in hexadecimal after it", good + private_der(secret, pkcs8).hex().encode(), SECRET)
    yield made("an age key after it", good + b"AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ\n", SECRET)


def _with_content(change: Callable[[bytes], bytes]) -> bytes:
    """A request of which the content of the outermost sequence is changed."""
    return sequence(change(forge()[4:] if forge()[1] == 0x82 else forge()[3:]))


def _first(content: bytes) -> bytes:
    """The first of the elements, shorter than 256 octets."""
    return content[: 2 + content[1]] if content[1] < 0x80 else content[: 3 + content[2]]


def _nested(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = sequence(inner)
    return inner
