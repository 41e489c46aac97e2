"""Requests whose names are wrong, nearly right, or stand where they do not belong (rows 3 and 5)."""

from collections.abc import Iterator

from tests.pki.csr_forge import (
    BMP,
    COMMON_NAME,
    IA5,
    PRINTABLE,
    T61,
    UNIVERSAL,
    Case,
    asked,
    attribute,
    extension,
    forge,
    general_names,
    made,
    named,
    rdns,
)
from tests.pki.makers import EUI, object_identifier, sequence, tlv

OTHER = "58A0CBFFFE999999"
SAN = "2.5.29.17"


def cases() -> Iterator[Case]:
    yield from _texts()
    yield from _encodings()
    yield from _places()


def _texts() -> Iterator[Case]:
    texts = {
        "lower case": EUI.lower(),
        "mixed case": EUI[:8] + EUI[8:].lower(),
        "dashes": "58-A0-CB-FF-FE-12-34-56",
        "as ID6": "58a0:cbff:fe12:3456",
        "a blank before it": f" {EUI}",
        "a blank after it": f"{EUI} ",
        "a line end after it": f"{EUI}\n",
        "a blank that does not break": f"{EUI}\N{NO-BREAK SPACE}",
        "a space without width": f"{EUI[:4]}\N{ZERO WIDTH SPACE}{EUI[4:]}",
        "right to left": f"\N{RIGHT-TO-LEFT OVERRIDE}{EUI[::-1]}",
        "NUL after it": f"{EUI}\0",
        "NUL and another name after it": f"{EUI}\0.example",
        "NUL before it": f"\0{EUI}",
        "a Cyrillic A": EUI.replace("A", "\N{CYRILLIC CAPITAL LETTER A}"),
        "a fullwidth digit": "\N{FULLWIDTH DIGIT FIVE}" + EUI[1:],
        "Arabic-Indic digits": "\N{ARABIC-INDIC DIGIT FIVE}" + EUI[1:],
        "a letter O for a zero": EUI.replace("0", "O"),
        "15 digits": EUI[:-1],
        "17 digits": EUI + "7",
        "16 digits with a prefix": f"eui-{EUI}",
        "hexadecimal with 0x": f"0x{EUI}",
        "a wildcard": "*",
        "a wildcard of digits": EUI[:-1] + "*",
        "a host name": f"{EUI}.example",
        "markup": "<script>alert(1)</script>",
        "a formula": '=HYPERLINK("http://169.254.169.254/")',
        "a line of a log": f"{EUI}\r\n2026-01-01 issued",
        "another attribute inside of it": f"{EUI}/O=Acme",
        "nothing at all": "",
        "all zeros": "0" * 16,
        "60,000 digits": EUI * 3750,
    }
    for name, text in texts.items():
        yield made(f"CN: {name}", forge(subject=named(text)), "cn-not-eui")
    yield made("CN: the EUI of another gateway", forge(subject=named(OTHER)), "cn-mismatch")
    yield made("CN: another gateway's, in lower case", forge(subject=named(OTHER.lower())), "cn-mismatch")


def _encodings() -> Iterator[Case]:
    ascii_text, wide = EUI.encode(), EUI.encode("utf-16-be")
    for name, tag, text in (
        ("PrintableString", PRINTABLE, ascii_text),
        ("IA5String", IA5, ascii_text),
        ("T61String", T61, ascii_text),
        ("BMPString", BMP, wide),
        ("UniversalString", UNIVERSAL, EUI.encode("utf-32-be")),
        ("VisibleString", 0x1A, ascii_text),
        ("OCTET STRING", 0x04, ascii_text),
    ):
        yield made(f"CN as {name}", forge(subject=named(tlv(tag, text))))
    for name, value, code in (
        ("BMPString of an odd length", tlv(BMP, wide[:-1]), "malformed-request"),
        ("BMPString in the wrong order", tlv(BMP, EUI.encode("utf-16-le")), "cn-not-eui"),
        ("UTF8String that is none", tlv(0x0C, b"\xff\xfe" + ascii_text), "malformed-request"),
        ("UTF8String of an overlong zero", tlv(0x0C, ascii_text + b"\xc0\x80"), "malformed-request"),
        ("BIT STRING", tlv(0x03, b"\x00" + ascii_text), "malformed-request"),
        ("INTEGER", tlv(0x02, bytes.fromhex(EUI)), "malformed-request"),
        ("SEQUENCE", sequence(tlv(0x0C, ascii_text)), "malformed-request"),
        ("nothing", b"", "malformed-request"),
    ):
        yield made(f"CN as {name}", forge(subject=named(value)), code)


def _places() -> Iterator[Case]:
    common = attribute(COMMON_NAME, EUI)
    organisation = attribute("2.5.4.10", "Acme")
    san = asked(extension(SAN, general_names((0x82, EUI.encode()))))
    yield made("two CNs that are both right", forge(subject=named(EUI, EUI)), "cn-several")
    yield made("two CNs, the right one first", forge(subject=named(EUI, OTHER)), "cn-several")
    yield made("two CNs, the right one last", forge(subject=named(OTHER, EUI)), "cn-several")
    two = attribute(COMMON_NAME, OTHER)
    yield made("two CNs in one set", forge(subject=sequence(tlv(0x31, common + two))), "cn-several")
    yield made("twenty CNs", forge(subject=named(*[EUI] * 20)), "cn-several")
    yield made("no name at all", forge(subject=sequence()), "cn-missing")
    yield made("no CN", forge(subject=rdns(organisation)), "cn-missing")
    yield made("the EUI in the SAN alone", forge(subject=sequence(), attributes=san), "cn-missing")
    yield made("the EUI as organisation", forge(subject=rdns(attribute("2.5.4.10", EUI))), "cn-missing")
    yield made("the EUI as serial number", forge(subject=rdns(attribute("2.5.4.5", EUI, PRINTABLE))), "cn-missing")
    yield made("an OID that only begins as the CN's", forge(subject=rdns(attribute("2.5.4.3.1", EUI))), "cn-missing")
    yield made(
        "an empty set in the name", forge(subject=sequence(tlv(0x31, b""), tlv(0x31, common))), "malformed-request"
    )
    yield made("a name that is a SET", forge(subject=tlv(0x31, tlv(0x31, common))), "malformed-request")
    bare = sequence(tlv(0x31, sequence(object_identifier(COMMON_NAME))))
    yield made("a CN without a value", forge(subject=bare), "malformed-request")
    more = rdns(organisation, attribute("2.5.4.11", "admin"), attribute("2.5.4.6", "NO", PRINTABLE), common)
    yield made("an organisation, a unit and a country beside it", forge(subject=more))
    mail = rdns(common, attribute("1.2.840.113549.1.9.1", "root@example.net", IA5))
    yield made("an address beside it", forge(subject=mail))
    yield made("a long country beside it", forge(subject=rdns(attribute("2.5.4.6", "NOR", PRINTABLE), common)))
    yield made(
        "a domain component beside it", forge(subject=rdns(attribute("0.9.2342.19200300.100.1.25", "x", IA5), common))
    )
    yield made(
        "another's EUI in the SAN", forge(attributes=asked(extension(SAN, general_names((0x82, OTHER.encode())))))
    )
    thousand = rdns(*[attribute("2.5.4.11", f"unit {number}") for number in range(1000)], common)
    yield made("a thousand units beside it", forge(subject=thousand))
