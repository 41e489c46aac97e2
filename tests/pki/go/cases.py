"""The cases in which The Things Stack is known to surprise: each a name, a question, and the rule that decides it."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.pki import makers
from tests.pki.makers import EUI, NOW, Made, at, make_certificate, make_issuing, make_leaf, make_root

ROOT = make_root()
ISSUING = make_issuing(ROOT)
LEAF = make_leaf(ISSUING)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
CA, LEAF_EXTENSIONS = makers.basic_constraints(), makers.leaf_extensions()


@dataclass(frozen=True)
class Case:
    name: str
    rule: str
    leaf: Made | bytes
    bundle: Sequence[Made] | bytes
    eui: str = EUI
    at: datetime = NOW

    @property
    def leaf_der(self) -> bytes:
        return self.leaf if isinstance(self.leaf, bytes) else self.leaf.der

    @property
    def pem(self) -> bytes:
        return self.bundle if isinstance(self.bundle, bytes) else b"".join(each.pem for each in self.bundle)


def _authority(*extensions: makers.RawExtension) -> Made:
    return make_issuing(ROOT, extensions=list(extensions))


def _with_san(authority: Made, *names: x509.GeneralName) -> Made:
    return make_leaf(authority, extensions=[*LEAF_EXTENSIONS, makers.extension(x509.SubjectAlternativeName(names))])


def _constrained(
    permitted: Sequence[x509.GeneralName] | None = None,
    excluded: Sequence[x509.GeneralName] | None = None,
    *,
    critical: bool = True,
) -> Made:
    return _authority(CA, makers.extension(x509.NameConstraints(permitted, excluded), critical=critical))


def _common_name(*attributes: x509.NameAttribute[str]) -> Made:
    return make_certificate(x509.Name(attributes), issuer=ISSUING, extensions=LEAF_EXTENSIONS)


def _pss(digest: hashes.HashAlgorithm, salt: int) -> Made:
    """A leaf signed with RSASSA-PSS, which `make_certificate` does not sign with."""
    authority = make_issuing(ROOT, key=makers.rsa_key(2048, "pss"))
    plain = x509.CertificateBuilder().issuer_name(authority.certificate.subject).serial_number(7)
    plain = plain.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, EUI)]))
    plain = plain.not_valid_before(at(2026)).not_valid_after(at(2027))
    plain = plain.public_key(makers.p256_key("pss").public_key())
    scheme = padding.PSS(padding.MGF1(digest), salt)
    certificate = plain.sign(makers.rsa_key(2048, "pss"), digest, rsa_padding=scheme)  # type: ignore[arg-type]  # SHA-2 only
    return Made(certificate.public_bytes(serialization.Encoding.DER), makers.p256_key("pss"), b"")


def _time_cases() -> list[Case]:
    second = timedelta(seconds=1)
    old_ca = make_issuing(ROOT, not_after=at(2026, 3))
    new_ca = make_issuing(ROOT, not_before=at(2026, 9))
    twin_key = make_issuing(ROOT, not_after=at(2026, 3), serial=9)
    good = make_issuing(ROOT)
    return [
        Case("a leaf in its last second", "accepted", LEAF, [ISSUING], at=at(2027)),
        Case("a leaf a second after", "leaf_expired", LEAF, [ISSUING], at=at(2027) + second),
        Case("a leaf in its first second", "accepted", LEAF, [ISSUING], at=at(2026)),
        Case("a leaf a second before", "leaf_not_yet_valid", LEAF, [ISSUING], at=at(2026) - second),
        Case("an expired authority", "authority_expired", make_leaf(old_ca), [old_ca]),
        Case("an authority of the future", "authority_not_yet_valid", make_leaf(new_ca), [new_ca]),
        Case("an expired leaf of an expired authority", "leaf_expired", make_leaf(old_ca), [old_ca], at=at(2028)),
        Case("an expired leaf of an unknown authority", "leaf_expired", LEAF, [make_root("B")], at=at(2028)),
        Case("an expired twin before the renewed authority", "accepted", make_leaf(good), [twin_key, good]),
        Case("an expired twin after the renewed authority", "accepted", make_leaf(good), [good, twin_key]),
        Case("an expired bystander", "accepted", LEAF, [make_root("Old", not_after=at(2025)), ISSUING]),
        Case("an expired authority before one with another key", "authority_expired", make_leaf(old_ca),
             [old_ca, make_issuing(ROOT, key=makers.p256_key("other"))]),
        Case("an offset instead of Z", "accepted",
             make_leaf(ISSUING, not_before=makers.tlv(0x17, b"260101000000+0100")), [ISSUING]),
        Case("a UTCTime without seconds", "accepted",
             make_leaf(ISSUING, not_before=makers.tlv(0x17, b"2601010000Z")), [ISSUING]),
        Case("the year 9999", "accepted",
             make_leaf(ISSUING, not_after=makers.tlv(0x18, b"99991231235959Z")), [ISSUING]),
        Case("a fraction of a second", "leaf_unreadable",
             make_leaf(ISSUING, not_after=makers.tlv(0x18, b"20270101000000.5Z")), [ISSUING]),
    ]  # fmt: skip


def _authority_cases() -> list[Case]:
    not_ca = _authority(makers.basic_constraints(ca=False))
    no_sign = _authority(CA, makers.key_usage("digital_signature", "crl_sign"))
    first = make_certificate("V1", version=1, not_before=at(2024), not_after=at(2044))
    no_usage = _authority(CA, ("2.5.29.15", True, b"\x03\x01\x00"))
    other = make_issuing(ROOT, key=makers.p256_key("other"))
    broken = make_issuing(ROOT, signature=b"\x00")
    sha1_root = make_root(key=makers.rsa_key(2048, "sha1"), digest=hashes.SHA1())
    critical = _authority(CA, ("1.2.3.4", True, b"\x05\x00"))
    return [
        Case("an issuing authority in the bundle", "accepted", LEAF, [ISSUING]),
        Case("only the root in the bundle", "unknown_authority", LEAF, [ROOT]),
        Case("root and issuing authority", "accepted", LEAF, [ROOT, ISSUING]),
        Case("an authority that is no CA", "not_a_ca", make_leaf(not_ca), [not_ca]),
        Case("an authority without basic constraints", "not_a_ca", make_leaf(_authority()), [_authority()]),
        Case("a version 1 authority", "accepted", make_leaf(first), [first]),
        Case("an authority without keyCertSign", "not_a_ca", make_leaf(no_sign), [no_sign]),
        Case("an authority with an empty key usage", "accepted", make_leaf(no_usage), [no_usage]),
        Case("the same name with another key", "unknown_authority", LEAF, [other]),
        Case("the same name with both keys", "accepted", LEAF, [other, ISSUING]),
        Case("a bystander of the name that is no CA comes first", "not_a_ca",
             make_leaf(ISSUING, key_identifiers=False), [not_ca, other]),
        Case("an anchor's own signature is broken", "accepted", make_leaf(broken), [broken]),
        Case("an anchor's own signature is SHA-1", "accepted", make_leaf(sha1_root), [sha1_root]),
        Case("a critical extension in the authority", "unhandled_critical_extension", make_leaf(critical), [critical]),
        Case("a path length of 0", "accepted", make_leaf(_authority(makers.basic_constraints(path_length=0))),
             [_authority(makers.basic_constraints(path_length=0))]),
        Case("more than 100 of the same name before the right one", "unknown_authority",
             make_leaf(ISSUING, key_identifiers=False), [*_crowd(100), ISSUING]),
        Case("100 tries are enough", "accepted", make_leaf(ISSUING, key_identifiers=False), [*_crowd(99), ISSUING]),
        Case("a key identifier finds the right one first", "accepted", LEAF, [*_crowd(100), ISSUING]),
        Case("names in other encodings", "unknown_authority", _differently_encoded(), [ISSUING]),
    ]  # fmt: skip


def _crowd(count: int) -> list[Made]:
    """Authorities of one name and another key, without key identifiers."""
    return [
        make_issuing(ROOT, key=makers.p256_key("crowd"), serial=each + 1, key_identifiers=False)
        for each in range(count)
    ]


def _differently_encoded() -> Made:
    printable = x509.Name(
        [
            x509.NameAttribute(each.oid, each.value, x509.name._ASN1Type.PrintableString)
            for each in ISSUING.certificate.subject
        ]
    )
    return make_leaf(ISSUING, issuer_name=printable.public_bytes())


def _leaf_cases() -> list[Case]:
    self_signed = make_certificate(EUI, extensions=LEAF_EXTENSIONS)
    twin = make_certificate(EUI, extensions=LEAF_EXTENSIONS, serial=99)
    requires_policy = ("2.5.29.36", False, makers.sequence(b"\x80\x01\x00"))
    policy = makers.extension(x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3"), None)]))
    doubled = [*LEAF_EXTENSIONS, LEAF_EXTENSIONS[0]]
    return [
        Case("a leaf that stands in the bundle itself", "accepted", self_signed, [self_signed]),
        Case("a leaf under a CA that stands in the bundle itself", "accepted", LEAF, [LEAF]),
        Case("a twin of the leaf with other bytes", "unknown_authority", self_signed, [twin]),
        Case("a leaf in the bundle for servers only", "incompatible_key_usage", *_alone(SERVER)),
        Case("a leaf without extensions", "accepted", make_leaf(ISSUING, extensions=[]), [ISSUING]),
        Case("a leaf of version 1", "accepted", make_leaf(ISSUING, version=1), [ISSUING]),
        Case("a critical extension in the leaf", "unhandled_critical_extension",
             make_leaf(ISSUING, extensions=[("1.2.3.4", True, b"\x05\x00")]), [ISSUING]),
        Case("a doubled extension", "leaf_unreadable", make_leaf(ISSUING, extensions=doubled), [ISSUING]),
        Case("a policy is required and missing", "policy_missing",
             make_leaf(ISSUING, extensions=[requires_policy]), [ISSUING]),
        Case("a policy is required and there", "accepted",
             make_leaf(ISSUING, extensions=[requires_policy, policy]), [ISSUING]),
        Case("a negative serial number", "leaf_unreadable", make_leaf(ISSUING, serial=-5), [ISSUING]),
        Case("serial number 0", "accepted", make_leaf(ISSUING, serial=0), [ISSUING]),
        Case("not a certificate", "leaf_unreadable", b"hello", [ISSUING]),
        Case("a byte behind the certificate", "leaf_unreadable", LEAF.der + b"\x00", [ISSUING]),
        Case("a broken signature", "unknown_authority", LEAF.der[:-1] + bytes([LEAF.der[-1] ^ 1]), [ISSUING]),
        Case("a leaf that is a CA", "accepted", make_leaf(ISSUING, extensions=[CA]), [ISSUING]),
    ]  # fmt: skip


def _alone(*usages: x509.ObjectIdentifier) -> tuple[Made, list[Made]]:
    leaf = make_certificate(EUI, extensions=[makers.extended_key_usage(*usages)])
    return leaf, [leaf]


def _usage_cases() -> list[Case]:
    server_ca = _authority(CA, makers.extended_key_usage(SERVER))
    both_ca = _authority(CA, makers.extended_key_usage(SERVER, CLIENT))
    any_ca = _authority(CA, makers.extended_key_usage(ANY))
    plain = make_issuing(ROOT)

    def leaf(authority: Made, *usages: x509.ObjectIdentifier) -> Made:
        return make_leaf(authority, extensions=[makers.extended_key_usage(*usages)])

    empty = make_leaf(ISSUING, extensions=[("2.5.29.37", False, makers.sequence())])
    return [
        Case("a leaf for servers only", "incompatible_key_usage", leaf(ISSUING, SERVER), [ISSUING]),
        Case("a leaf for both", "accepted", leaf(ISSUING, SERVER, CLIENT), [ISSUING]),
        Case("a leaf for anything", "accepted", leaf(ISSUING, ANY), [ISSUING]),
        Case("an empty list of usages", "accepted", empty, [ISSUING]),
        Case("an unknown usage", "incompatible_key_usage", leaf(ISSUING, x509.ObjectIdentifier("1.2.3")), [ISSUING]),
        Case("an authority for servers only", "incompatible_key_usage", make_leaf(server_ca), [server_ca]),
        Case("an authority for both", "accepted", make_leaf(both_ca), [both_ca]),
        Case("an authority for anything", "accepted", make_leaf(any_ca), [any_ca]),
        Case("a restricted and a free twin of the authority", "accepted", make_leaf(plain), [server_ca, plain]),
    ]


def _name_cases() -> list[Case]:
    text = NameOID.COMMON_NAME
    wrong, right = x509.NameAttribute(text, "gateway"), x509.NameAttribute(text, EUI)
    bmp = x509.NameAttribute(text, EUI, x509.name._ASN1Type.BMPString)
    return [
        Case("a lower-case EUI", "cn_mismatch", make_leaf(ISSUING, EUI.lower()), [ISSUING]),
        Case("an EUI with separators", "cn_mismatch", make_leaf(ISSUING, "58-A0-CB-FF-FE-12-34-56"), [ISSUING]),
        Case("an EUI with a blank behind it", "cn_mismatch", make_leaf(ISSUING, EUI + " "), [ISSUING]),
        Case("another gateway's EUI", "cn_mismatch", make_leaf(ISSUING, "58A0CBFFFE123457"), [ISSUING]),
        Case("a homoglyph", "cn_mismatch", make_leaf(ISSUING, EUI.replace("A", "\N{CYRILLIC CAPITAL LETTER A}")),
             [ISSUING]),
        Case("the last of two common names is right", "accepted", _common_name(wrong, right), [ISSUING]),
        Case("the last of two common names is wrong", "cn_mismatch", _common_name(right, wrong), [ISSUING]),
        Case("no common name", "cn_mismatch", _common_name(x509.NameAttribute(NameOID.ORGANIZATION_NAME, "A")),
             [ISSUING]),
        Case("a common name in UCS-2", "accepted", _common_name(bmp), [ISSUING]),
        Case("a wrong name before an unknown authority", "cn_mismatch", make_leaf(ISSUING, EUI.lower()), [ROOT]),
        Case("an empty pool", "no_ca_pool", LEAF, []),
        Case("a wrong name before an empty pool", "cn_mismatch", make_leaf(ISSUING, EUI.lower()), []),
    ]  # fmt: skip


def _constraint_cases() -> list[Case]:
    example = _constrained([x509.DNSName("example.com")])
    directory = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "A")]))
    critical, lax = _constrained([directory]), _constrained([directory], critical=False)
    excluded = _constrained(None, [x509.DNSName("a.example.com")])
    network = _constrained([x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))])
    mail = _constrained([x509.RFC822Name("example.com")])
    address = x509.IPAddress(ipaddress.ip_address("10.1.2.3"))
    return [
        Case("a permitted name", "accepted", _with_san(example, x509.DNSName("gw.example.com")), [example]),
        Case("a name that is not permitted", "name_constraint", _with_san(example, x509.DNSName("gw.test")), [example]),
        Case("no alternative name at all", "accepted", make_leaf(example), [example]),
        Case("a name of another kind", "accepted", _with_san(example, address), [example]),
        Case("an excluded name", "name_constraint", _with_san(excluded, x509.DNSName("b.a.example.com")), [excluded]),
        Case("a wildcard over an excluded name", "name_constraint",
             _with_san(excluded, x509.DNSName("*.example.com")), [excluded]),
        Case("a permitted address", "accepted", _with_san(network, address), [network]),
        Case("an address outside", "name_constraint",
             _with_san(network, x509.IPAddress(ipaddress.ip_address("11.1.2.3"))), [network]),
        Case("a mail address in a subdomain", "accepted", _with_san(mail, x509.RFC822Name("a@b.example.com")), [mail]),
        Case("a mail address outside", "name_constraint", _with_san(mail, x509.RFC822Name("a@b.test")), [mail]),
        Case("a URN meets any constraint", "name_constraint",
             _with_san(example, x509.UniformResourceIdentifier("urn:eui64:58a0cb")), [example]),
        Case("a URN meets no constraint", "accepted",
             _with_san(ISSUING, x509.UniformResourceIdentifier("urn:eui64:58a0cb")), [ISSUING]),
        Case("a critical directory name constraint", "unhandled_critical_extension", make_leaf(critical), [critical]),
        Case("a directory name constraint", "accepted", make_leaf(lax), [lax]),
    ]  # fmt: skip


def _algorithm_cases() -> list[Case]:
    rsa_ca = make_issuing(ROOT, key=makers.rsa_key(2048, "ca"))
    small = make_issuing(ROOT, key=makers.rsa_key(1024, "small"))
    curve = make_issuing(ROOT, key=makers.curve_key(ec.SECP256K1, "k1"))
    ed25519_ca = make_issuing(ROOT, key=_ED25519)
    ed448_ca = make_issuing(ROOT, key=_ED448)
    pss_ca = make_issuing(ROOT, key=makers.rsa_key(2048, "pss"))
    point = makers.p256_key("leaf").public_key()
    compressed = point.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    algorithm = makers.sequence(
        makers.object_identifier("1.2.840.10045.2.1"), makers.object_identifier("1.2.840.10045.3.1.7")
    )
    spki = makers.sequence(algorithm, makers.bit_string(compressed))
    pss_key = makers.rsa_spki(makers.rsa_key(2048, "l").public_key().public_numbers().n).replace(
        makers.object_identifier("1.2.840.113549.1.1.1"), makers.object_identifier("1.2.840.113549.1.1.10")
    )
    return [
        Case("SHA-1 on the leaf", "unknown_authority", make_leaf(rsa_ca, digest=hashes.SHA1()), [rsa_ca]),
        Case("MD5 on the leaf", "unknown_authority", make_leaf(rsa_ca, digest=hashes.MD5()), [rsa_ca]),
        Case("ECDSA with SHA-1 on the leaf", "unknown_authority", make_leaf(ISSUING, digest=hashes.SHA1()), [ISSUING]),
        Case("SHA-512 on the leaf", "accepted", make_leaf(rsa_ca, digest=hashes.SHA512()), [rsa_ca]),
        Case("an RSA authority of 1024 bits", "accepted", make_leaf(small), [small]),
        Case("an authority on a curve that Go has not", "bundle_unreadable", make_leaf(curve), [curve]),
        Case("an Ed25519 authority", "accepted", make_leaf(ed25519_ca), [ed25519_ca]),
        Case("an Ed448 authority", "unknown_authority", make_leaf(ed448_ca), [ed448_ca]),
        Case("a DSA leaf", "accepted", make_leaf(ISSUING, key=_DSA), [ISSUING]),
        Case("PSS with a salt as long as the hash", "accepted", _pss(hashes.SHA256(), 32), [pss_ca]),
        Case("PSS with another salt", "unknown_authority", _pss(hashes.SHA256(), 20), [pss_ca]),
        Case("PSS with SHA-384", "accepted", _pss(hashes.SHA384(), 48), [pss_ca]),
        Case("a compressed point", "leaf_unreadable", make_leaf(ISSUING, spki=spki), [ISSUING]),
        Case("an id-RSASSA-PSS key in a leaf", "accepted", make_leaf(ISSUING, spki=pss_key), [ISSUING]),
    ]


def _bundle_cases() -> list[Case]:
    good, other = ISSUING.pem, make_root("Other").pem
    headers = good.replace(b"-----\n", b"-----\nProc-Type: 4,CLEAR\n\n", 1)
    bad = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    return [
        Case("a bad block before a good one", "accepted", LEAF, bad + good),
        Case("only a bad block", "bundle_unreadable", LEAF, bad),
        Case("text around", "accepted", LEAF, b"Subject: x\n" + good + b"end\n"),
        Case("DER instead of PEM", "bundle_unreadable", LEAF, ISSUING.der),
        Case("a TRUSTED CERTIFICATE", "bundle_unreadable", LEAF, good.replace(b"CERTI", b"TRUSTED CERTI")),
        Case("headers", "bundle_unreadable", LEAF, headers),
        Case("files joined without a newline", "bundle_unreadable", LEAF, other.rstrip() + good),
        Case("a file lost to the one before it", "unknown_authority", LEAF, other + other.rstrip() + good),
        Case("a byte order mark", "bundle_unreadable", LEAF, b"\xef\xbb\xbf" + good),
        Case("a byte order mark before a comment", "accepted", LEAF, b"\xef\xbb\xbf# CA\n" + good),
        Case("CRLF", "accepted", LEAF, good.replace(b"\n", b"\r\n")),
        Case("UTF-16", "bundle_unreadable", LEAF, good.decode().encode("utf-16")),
        Case("a certificate twice", "accepted", LEAF, good + good),
    ]


_ED25519 = ed25519.Ed25519PrivateKey.generate()
_ED448 = ed448.Ed448PrivateKey.generate()
_DSA = dsa.generate_private_key(1024)

CASES = [
    *_time_cases(),
    *_authority_cases(),
    *_leaf_cases(),
    *_usage_cases(),
    *_name_cases(),
    *_constraint_cases(),
    *_algorithm_cases(),
    *_bundle_cases(),
]
