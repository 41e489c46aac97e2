"""Requests that ask for more than a gateway gets: all of it is ignored, or too damaged to be read."""

from collections.abc import Iterator

from tests.pki.csr_forge import (
    EXTENSION_REQUEST,
    UTF8,
    Case,
    asked,
    csr_attribute,
    extension,
    forge,
    general_names,
    made,
)
from tests.pki.makers import EUI, integer, object_identifier, sequence, tlv

CONSTRAINTS, USAGE, EXTENDED, SAN = "2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.17"
POISON = "1.3.6.1.4.1.11129.2.4.3"
MICROSOFT = "1.3.6.1.4.1.311.2.1.14"
METADATA = b"http://169.254.169.254/latest/meta-data/"
NULL, TRUE = b"\x05\x00", b"\x01\x01\xff"
IS_CA = extension(CONSTRAINTS, sequence(TRUE), critical=True)
LAST = 400  # extensions in one request


def cases() -> Iterator[Case]:
    for name, wish in _wishes().items():
        yield made(f"asks for {name}", forge(attributes=asked(wish)))
        yield made(f"asks for {name}, in Microsoft's way", forge(attributes=asked(wish, oid=MICROSOFT)))
    yield from _many()
    yield from _damaged()
    yield from _attributes()


def _wishes() -> dict[str, bytes]:
    return {
        "an authority": IS_CA,
        "an authority with a path length": extension(CONSTRAINTS, sequence(TRUE, integer(9)), critical=True),
        "the right to sign certificates": extension(USAGE, tlv(3, b"\x01\x06"), critical=True),
        "every key usage": extension(USAGE, tlv(3, b"\x07\xff\x80")),
        "a server's use": extension(EXTENDED, sequence(object_identifier("1.3.6.1.5.5.7.3.1"))),
        "any use": extension(EXTENDED, sequence(object_identifier("2.5.29.37.0"))),
        "code, OCSP and time signing": extension(
            EXTENDED, sequence(*(object_identifier(f"1.3.6.1.5.5.7.3.{each}") for each in (3, 9, 8)))
        ),
        "a smart card's logon": extension(EXTENDED, sequence(object_identifier("1.3.6.1.4.1.311.20.2.2"))),
        "name constraints": extension(
            "2.5.29.30", sequence(tlv(0xA0, sequence(tlv(0x82, b"example.net")))), critical=True
        ),
        "host names": extension(SAN, general_names((0x82, b"cups.example.net"), (0x82, b"*.example.net"))),
        "addresses": extension(SAN, general_names((0x87, bytes((169, 254, 169, 254))), (0x87, bytes(16)))),
        "a URI": extension(SAN, general_names((0x86, METADATA))),
        "an e-mail address": extension(SAN, general_names((0x81, b"root@example.net"))),
        "a Windows account": extension(
            SAN,
            general_names((0xA0, object_identifier("1.3.6.1.4.1.311.20.2.3") + tlv(0xA0, tlv(UTF8, b"admin@corp")))),
        ),
        "another's name": extension(SAN, general_names((0xA4, _name("58A0CBFFFE999999")))),
        "a registered ID": extension(SAN, general_names((0x88, b"\x2a\x03\x04"))),
        "a critical SAN": extension(SAN, general_names((0x82, EUI.encode())), critical=True),
        "a critical extension that is unknown": extension("1.3.6.1.4.1.99999.1", b"\x04\x01x", critical=True),
        "an extension without a content": extension("1.3.6.1.4.1.99999.2", b""),
        "a precertificate": extension(POISON, NULL, critical=True),
        "no question about revocation": extension("1.3.6.1.5.5.7.48.1.5", NULL),
        "answers from the metadata service": extension("1.3.6.1.5.5.7.1.1", _access()),
        "lists from the metadata service": extension("2.5.29.31", _lists()),
        "a certificate policy": extension("2.5.29.32", sequence(sequence(object_identifier("2.23.140.1.1")))),
        "policy constraints": extension("2.5.29.36", sequence(tlv(0x80, b"\x00")), critical=True),
        "another key identifier": extension("2.5.29.14", tlv(4, bytes(20))),
        "another authority's key identifier": extension("2.5.29.35", sequence(tlv(0x80, bytes(20)))),
        "OCSP must staple": extension("1.3.6.1.5.5.7.1.24", sequence(integer(5))),
        "a certificate template of Microsoft's": extension("1.3.6.1.4.1.311.20.2", tlv(0x1E, "CA".encode("utf-16-be"))),
        "Netscape's SSL authority": extension("2.16.840.1.113730.1.1", tlv(3, b"\x00\x07")),
        "a validity": extension("2.5.29.16", sequence(tlv(0x80, b"19700101000000Z"), tlv(0x81, b"99991231235959Z"))),
    }


def _many() -> Iterator[Case]:
    wishes = _wishes()
    every = [each for name, each in wishes.items() if "SAN" not in name and name not in _SAME]
    yield made("asks for all of it at once", forge(attributes=asked(*every)))
    unknown = [extension(f"1.3.6.1.4.1.99999.{number}", b"\x05\x00") for number in range(LAST)]
    yield made(f"asks for {LAST} unknown extensions", forge(attributes=asked(*unknown)))
    names = general_names(*[(0x82, b"host-%d.example.net" % number) for number in range(2000)])
    yield made("asks for 2,000 host names", forge(attributes=asked(extension(SAN, names))))
    yield made("asks for an extension of 50,000 octets", forge(attributes=asked(extension("1.2.3.4", bytes(50_000)))))
    long_oid = "1.2" + ".3" * 60
    yield made("asks for an extension with a long OID", forge(attributes=asked(extension(long_oid, NULL))))
    yield made("asks for nothing, in an attribute", forge(attributes=asked()))


def _damaged() -> Iterator[Case]:
    broken = "malformed-request"
    yield made("the same extension twice", forge(attributes=asked(IS_CA, IS_CA)), broken)
    usage = extension(USAGE, tlv(3, b"\x07\x80"))
    other = extension(USAGE, tlv(3, b"\x01\x06"))
    yield made("the same extension twice, with two values", forge(attributes=asked(usage, other)), broken)
    yield made("two attributes that ask", forge(attributes=asked(usage) + asked(IS_CA)))
    yield made("two ways to ask", forge(attributes=asked(usage) + asked(IS_CA, oid=MICROSOFT)))
    two = csr_attribute(EXTENSION_REQUEST, sequence(usage), sequence(IS_CA))
    yield made("an attribute that asks twice", forge(attributes=two), broken)
    yield made("an attribute without a value", forge(attributes=csr_attribute(EXTENSION_REQUEST)), broken)
    yield made(
        "an attribute that asks for a text",
        forge(attributes=csr_attribute(EXTENSION_REQUEST, tlv(UTF8, b"CA"))),
        broken,
    )
    for name, oid, value in (
        ("basic constraints that are a text", CONSTRAINTS, tlv(UTF8, b"CA:TRUE")),
        ("basic constraints cut off", CONSTRAINTS, b"\x30\x06\x01\x01\xff"),
        ("basic constraints with another TRUE", CONSTRAINTS, sequence(b"\x01\x01\x01")),
        ("a path length below nought", CONSTRAINTS, sequence(TRUE, integer(-1))),
        ("a path length without end", CONSTRAINTS, sequence(TRUE, integer(1 << 4000))),
        ("an address of three octets", SAN, general_names((0x87, b"\x01\x02\x03"))),
        ("a name of an unknown form", SAN, general_names((0x89, b"x"))),
        ("an X.400 address", SAN, general_names((0xA3, sequence()))),
        ("an EDI party", SAN, general_names((0xA5, tlv(0xA1, tlv(UTF8, b"x"))))),
        ("key usages of no bits", USAGE, tlv(3, b"")),
        ("an extended usage that is none", EXTENDED, sequence(integer(1))),
    ):
        yield made(f"asks for {name}", forge(attributes=asked(extension(oid, value))), broken)
    yield made("asks for a host name with an umlaut", forge(attributes=asked(extension(SAN, _UMLAUT))))
    yield made("asks for a precertificate that is more", forge(attributes=asked(extension(POISON, tlv(4, b"x")))))
    false = sequence(object_identifier(CONSTRAINTS), b"\x01\x01\x00", tlv(4, sequence()))
    yield made("an extension that says it is not critical", forge(attributes=asked(false)), broken)


def _attributes() -> Iterator[Case]:
    password = csr_attribute("1.2.840.113549.1.9.7", tlv(UTF8, b"let me in"))
    broken = "malformed-request"
    yield made("a challenge password", forge(attributes=password))
    yield made(
        "a challenge password that is markup",
        forge(attributes=csr_attribute("1.2.840.113549.1.9.7", tlv(UTF8, b"<script>"))),
    )
    yield made("two challenge passwords", forge(attributes=password + password))
    yield made("an unstructured name", forge(attributes=csr_attribute("1.2.840.113549.1.9.2", tlv(0x16, b"gw"))))
    yield made("an attribute that is unknown", forge(attributes=csr_attribute("1.2.3.4.5", sequence(IS_CA))))
    yield made("Microsoft's attributes", forge(attributes=csr_attribute("1.3.6.1.4.1.311.13.2.3", tlv(0x16, b"6.1"))))
    unknown = b"".join(csr_attribute(f"1.2.3.{number}", NULL) for number in range(LAST))
    yield made(f"{LAST} unknown attributes", forge(attributes=unknown))
    yield made("attributes out of their order", forge(attributes=password + csr_attribute("1.2.3", NULL)), broken)
    yield made("no attributes, not even none", forge(attributes=None), broken)
    yield made("attributes that are none", forge(attributes=b"\x05\x00"), broken)
    yield made("extensions beside the attributes", forge(after=tlv(0xA3, sequence(IS_CA))), broken)
    yield made("attributes twice", forge(after=tlv(0xA0, asked(IS_CA))), broken)


_UMLAUT = general_names((0x82, "bücher.example".encode()))
_SAME = (  # of an extension that stands in the list already
    "an authority with a path length", "every key usage", "any use", "code, OCSP and time signing",
    "a smart card's logon", "addresses", "a URI", "an e-mail address", "a Windows account", "another's name",
    "a registered ID",
)  # fmt: skip


def _name(text: str) -> bytes:
    return sequence(tlv(0x31, sequence(object_identifier("2.5.4.3"), tlv(UTF8, text.encode()))))


def _access() -> bytes:
    """AuthorityInfoAccess: OCSP and the issuer's certificate."""
    ways = ("1.3.6.1.5.5.7.48.1", "1.3.6.1.5.5.7.48.2")
    return sequence(*(sequence(object_identifier(way), tlv(0x86, METADATA)) for way in ways))


def _lists() -> bytes:
    return sequence(sequence(tlv(0xA0, tlv(0xA0, tlv(0x86, METADATA)))))
