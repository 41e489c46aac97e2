"""The profiles in a configuration of cfssl (config/config.go), as profiles of ours."""

import re
from collections.abc import Iterator
from datetime import timedelta

from pki.cfssl_json import Node, Remark
from pki.errors import PkiError
from pki.profiles import (
    AUTHORITIES,
    ISSUING,
    KEY_TYPES,
    LONGEST_AUTHORITY,
    LONGEST_LEAF,
    NAME_LENGTH,
    ONE_YEAR,
    ROOT,
    SERVER_ISSUING,
    SHIPPED,
    Naming,
    Profile,
    refuse_profile,
)

DAY = timedelta(days=1)
DEEPEST = 3
_KEY_USAGES = {
    "signing": "digitalSignature",
    "digital signature": "digitalSignature",
    "content commitment": "nonRepudiation",
    "key encipherment": "keyEncipherment",
    "key agreement": "keyAgreement",
    "data encipherment": "dataEncipherment",
    "cert sign": "keyCertSign",
    "crl sign": "cRLSign",
    "encipher only": "encipherOnly",
    "decipher only": "decipherOnly",
}
_EXTENDED = {"server auth": "serverAuth", "client auth": "clientAuth"}
_LEAF = frozenset({"digitalSignature", "nonRepudiation"})
_FIELDS = ("usages", "expiry", "ca_constraint")
_INSTEAD = {
    "backdate": "Whatever is made here begins five minutes before it is made.",
    "issuer_urls": "A certificate carries no addresses; the authority's page has them.",
    "ocsp_url": "A certificate carries no addresses; the authority's page has that of our OCSP.",
    "crl_url": "A certificate carries no addresses; the authority's page has that of its list.",
    "auth_key": "Who may ask is decided by roles here, not by a shared key.",
    "auth_remote": "Nothing is signed elsewhere.",
    "remote": "Nothing is signed elsewhere.",
    "name_whitelist": "Which names a certificate gets, an operator decides.",
    "copy_extensions": "Nothing is copied out of a request: the profile decides.",
    "allowed_extensions": "Nothing is copied out of a request: the profile decides.",
    "ct_log_servers": "Nothing is sent to a public log.",
    "csrwhitelist": "Of a request only the key counts.",
    "not_before": "A certificate begins when it is made.",
    "not_after": "A certificate ends after the lifetime that was chosen.",
    "policies": "No certificate policies are written.",
    "copy_ca_constraint": "Whether it is an authority, the profile decides.",
}
_UNKNOWN = "It is not known here, and nothing of it is taken over."


def read_profiles(document: Node) -> tuple[tuple[Profile, ...], tuple[Remark, ...]]:
    """Return the profiles of a configuration, each fit for `refuse_profile`, version 1, and what is not taken over.
    Raises PkiError `cfssl-type` or `cfssl-value`."""
    remarks = [each.remark(_top(each)) for each in document.others("signing")]
    signing = document.field("signing")
    remarks += [each.remark(_UNKNOWN) for each in signing.others("default", "profiles")]
    found: dict[str, Profile] = {}
    for name, node in _bodies(signing):
        profile = _profile(name, node, found, remarks)
        if profile is not None:
            found[profile.name] = profile
    return tuple(found.values()), tuple(remarks)


def _top(node: Node) -> str:
    return {
        "auth_keys": "Who may ask is decided by roles here. Nothing of it is kept.",
        "remotes": "Nothing is signed elsewhere.",
    }.get(node.path.lower(), _UNKNOWN)


def _bodies(signing: Node) -> Iterator[tuple[str, Node]]:
    default, profiles = signing.field("default"), signing.field("profiles")
    if not default.is_nothing:
        yield "default", default
    for name in profiles.object():
        node = profiles.field(name)
        shown = name if name.isprintable() else ascii(name)
        yield name, Node(f"{profiles.path}.{shown[:60]}", node.value)


def _profile(name: str, node: Node, found: dict[str, Profile], remarks: list[Remark]) -> Profile | None:
    remarks.extend(
        each.remark(_INSTEAD.get(each.path.rpartition(".")[2].lower(), _UNKNOWN)) for each in node.others(*_FIELDS)
    )
    is_ca = node.field("ca_constraint").field("is_ca").flag()
    node.field("expiry").duration()  # it is one, whatever becomes of the profile
    usages, extended = _usages(node.field("usages"), is_ca=is_ca, remarks=remarks)
    made = _of_authority(name, node, extended, remarks) if is_ca else _of_leaf(name, node, (usages, extended), remarks)
    if made is None or made.name in found:
        if made is not None:
            remarks.append(node.remark(f"Another profile became {made.name} already. It is left out."))
        return None
    try:
        refuse_profile(made)
    except PkiError as error:
        remarks.append(node.remark(f"It is left out: {error.message}"))
        return None
    return made


def _usages(node: Node, *, is_ca: bool, remarks: list[Remark]) -> tuple[frozenset[str], frozenset[str]]:
    """Key usages and extended key usages; each that has no counterpart is said."""
    usages: set[str] = set()
    extended: set[str] = set()
    for each in node.items():
        text = each.text()
        if text in _EXTENDED:
            extended.add(_EXTENDED[text])
        elif _KEY_USAGES.get(text) in (_LEAF if not is_ca else {"keyCertSign", "cRLSign", "digitalSignature"}):
            usages.add(_KEY_USAGES[text])
        else:
            remarks.append(each.remark(_why_not(text, is_ca=is_ca)))
    return frozenset(usages), frozenset(extended)


def _why_not(text: str, *, is_ca: bool) -> str:
    if text in ("key encipherment", "data encipherment") and not is_ca:
        return "It is for RSA keys alone (RFC 8813), and TLS 1.3 has no use for it. It is left out."
    if text == "key agreement" and not is_ca:
        return "It is for the curves alone (RFC 3279), and TLS 1.3 has no use for it. It is left out."
    if text in _KEY_USAGES:
        kind = "an authority" if is_ca else "a server or a gateway"
        return f"This usage is not one of {kind}. It is left out."
    return "No certificate is made for this use here. It is left out."


def _of_authority(name: str, node: Node, extended: frozenset[str], remarks: list[Remark]) -> Profile:
    """A new version of one of ours: who it issues for tells which."""
    base = SERVER_ISSUING if extended == {"serverAuth"} else ISSUING
    if "root" in name.lower():
        base = ROOT
    words = f"It becomes the next version of {base.name}: authorities made from then on look like it."
    remarks.append(Remark(node.path, _shown(name), words))
    years = _expiry(node.field("expiry"), LONGEST_AUTHORITY, remarks)
    lifetime = max(years // ONE_YEAR, 1) * ONE_YEAR
    if lifetime != years:
        remarks.append(node.field("expiry").remark(f"Authorities live for whole years: {lifetime // ONE_YEAR}."))
    return Profile(
        name=base.name,
        version=1,
        is_ca=True,
        is_self_signed=base.is_self_signed,
        path_length=_path_length(node.field("ca_constraint"), base, remarks),
        key_usage=base.key_usage,
        extended_key_usage=extended,
        key_types=frozenset(KEY_TYPES),
        lifetimes=(lifetime,),
    )


def _path_length(node: Node, base: Profile, remarks: list[Remark]) -> int | None:
    length = node.field("max_path_len")
    remarks.extend(each.remark(_UNKNOWN) for each in node.others("is_ca", "max_path_len", "max_path_len_zero"))
    if node.field("max_path_len_zero").flag() and length.number() == 0:
        return 0
    if 1 <= length.number() <= DEEPEST:
        return length.number()
    remarks.append(length.remark(f"The path length is {base.path_length}, as {base.name} has it."))
    return base.path_length


def _of_leaf(
    name: str, node: Node, usages: tuple[frozenset[str], frozenset[str]], remarks: list[Remark]
) -> Profile | None:
    key_usage, extended = usages
    if not extended:
        remarks.append(node.remark("It is for neither servers nor clients of TLS. It is left out."))
        return None
    if "digitalSignature" not in key_usage:
        remarks.append(node.field("usages").remark("Whoever speaks TLS signs: digital signature is added."))
    is_server = "serverAuth" in extended
    if extended == {"serverAuth", "clientAuth"}:
        words = "Authorities here issue for one of the two: nothing is made by it before one is allowed both."
        remarks.append(node.field("usages").remark(words))
    if is_server:
        words = "Wildcards are allowed; names without a dot are for the profile development."
        remarks.append(Remark(node.path, '"server auth"', words))
    else:
        remarks.append(Remark(node.path, '"client auth"', "It is for gateways: the EUI is the common name."))
    return Profile(
        name=_name(name, node, remarks),
        version=1,
        is_ca=False,
        is_self_signed=False,
        path_length=None,
        key_usage=key_usage | {"digitalSignature"},
        extended_key_usage=extended,
        key_types=frozenset(KEY_TYPES),
        lifetimes=(_expiry(node.field("expiry"), LONGEST_LEAF, remarks),),
        naming=Naming.HOSTS if is_server else Naming.EUI,
        wildcards=is_server,
    )


def _name(name: str, node: Node, remarks: list[Remark]) -> str:
    """In small letters and digits, and never one of ours: `server` stays, `default` is cfssl-default."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    taken = {*AUTHORITIES, *(profile.name for profile in SHIPPED), "default"}
    if not plain[:1].isalpha() or plain in taken:
        plain = f"cfssl-{plain}".rstrip("-")
    plain = plain[:NAME_LENGTH].rstrip("-")
    if plain != name:
        remarks.append(Remark(node.path, _shown(name), f"It is named {plain}."))
    return plain


def _shown(name: str) -> str:
    return (name if name.isprintable() else ascii(name))[:60]


def _expiry(node: Node, longest: timedelta, remarks: list[Remark]) -> timedelta:
    """Whole days, one at least."""
    expiry = node.duration()
    if not expiry:
        remarks.append(Remark(node.path, "null", "As cfssl has it without a configuration: 365 days."))
        return ONE_YEAR
    days = max(DAY, min(expiry // DAY * DAY, longest))
    if days != expiry:
        remarks.append(node.remark(f"A lifetime is from 1 to {longest.days:,} whole days here: {days.days:,}."))
    return days
