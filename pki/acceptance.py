"""What makes a CA certificate acceptable: the rules for one certificate by itself (guarantee rows 6 to 8).

Refused is what The Things Stack would refuse, or what would let somebody else make gateways. Warnings are what real
public roots have, or what will matter later. Sources: RFC 5280 section 4.2, crypto/x509 of Go, `pki.go`.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from pki.bundle import is_readable
from pki.der import MalformedDer
from pki.facts import CertificateFacts
from pki.findings import Finding, Severity
from pki.go.certificate import parse_certificate
from pki.go.release import Go
from pki.weak_keys import find_weaknesses

ENDS_SOON = timedelta(days=180)

_POLICY_CONSTRAINTS = "2.5.29.36"
_NAME_CONSTRAINTS = "2.5.29.30"
_OLD_HASHES = ("sha1", "md5", "md2", "-with-SHA1")
_CLIENT_USES = frozenset({"clientAuth", "anyExtendedKeyUsage"})
_NEW_CA = "Make a new CA certificate with basicConstraints CA:TRUE and keyUsage keyCertSign, and sign gateways with it."


def judge_authority(facts: CertificateFacts, *, now: datetime) -> tuple[Finding, ...]:
    """All findings about `facts` as a CA certificate, at the aware instant `now`, refusals first."""
    rules = (_constraints, _usages, _criticals, _key, _signature, _serial, _identifiers, _names)
    found = [*_validity(facts, now), *(finding for rule in rules for finding in rule(facts))]
    found += _readability(facts) if not any(each.severity is Severity.REFUSED for each in found) else []
    return tuple(sorted(found, key=lambda each: list(Severity).index(each.severity)))


def judge_leaf(facts: CertificateFacts, *, now: datetime) -> tuple[Finding, ...]:
    """Findings about a gateway's certificate that serves as a test leaf: nothing refuses it, as it is never trusted."""
    found = [*_validity(facts, now), *_key(facts), *_old_signature(facts)]
    return tuple(
        replace(each, severity=Severity.WARNING) if each.severity is Severity.REFUSED else each for each in found
    )


def _validity(facts: CertificateFacts, now: datetime) -> Iterator[Finding]:
    ends = f"{facts.not_after:%-d %B %Y}"
    if facts.not_after < now:
        yield _refused("expired", f"It expired on {ends}: every gateway under it is refused.", "Send its successor.")
    elif facts.not_before > now:
        message = f"It becomes valid on {facts.not_before:%-d %B %Y}; until then every gateway under it is refused."
        yield _warning("not-yet-valid", message, "Keep the present CA trusted until then.")
    elif facts.not_after - now < ENDS_SOON:
        message = f"It ends on {ends}, and all gateways under it go off the air at that second."
        yield _warning("ends-soon", message, "Prepare its successor now, so that gateways can change over.")
    else:
        yield _good("valid", f"It is valid until {ends}.")


def _constraints(facts: CertificateFacts) -> Iterator[Finding]:
    if facts.version != 3:
        message = f"It is a version {facts.version} certificate, which cannot say that it is a CA."
        yield _refused("version-1", message, _NEW_CA)
    elif not facts.has_basic_constraints:
        message = "It has no basicConstraints, so network servers do not take it as a CA."
        yield _refused("not-a-ca", message, _NEW_CA)
    elif not facts.is_ca:
        message = "It says CA:FALSE, so network servers do not accept gateways that it signed."
        yield _refused("not-a-ca", message, _NEW_CA)
    elif facts.path_length == 0:
        yield _good("path-length", "Its pathlen:0 allows it to sign gateways and no further CA, as it should be.")
    elif facts.path_length is not None:
        yield _good("path-length", f"It allows {facts.path_length} further CA(s) between itself and a gateway.")


def _usages(facts: CertificateFacts) -> Iterator[Finding]:
    if facts.key_usage is None and facts.version == 3:
        message = "It has no keyUsage, which allows everything; old public roots have that too."
        yield _warning("no-key-usage", message, "Give the next CA certificate the keyUsage keyCertSign and cRLSign.")
    elif facts.key_usage is not None and "keyCertSign" not in facts.key_usage:
        message = "Its keyUsage lacks keyCertSign, so network servers refuse every gateway that it signed."
        yield _refused("no-key-cert-sign", message, _NEW_CA)
    if facts.extended_key_usage is not None and not facts.extended_key_usage & _CLIENT_USES:
        uses = ", ".join(sorted(facts.extended_key_usage))
        message = f"It is limited to {uses}, and gateways need clientAuth along the whole path."
        yield _refused("eku-without-client-auth", message, "Make a CA certificate without it, or with clientAuth.")


def _criticals(facts: CertificateFacts) -> Iterator[Finding]:
    unknown = _unhandled(facts)
    if _NAME_CONSTRAINTS in unknown:
        message = "Its critical name constraints are of a kind that network servers do not know, so they refuse it."
        yield _refused("name-constraints-unknown", message, "Leave the constraints on directory names out.")
    others = sorted(unknown - {_NAME_CONSTRAINTS})
    if others:
        message = f"Its critical extension {', '.join(others)} is unknown to network servers, so they refuse it."
        yield _refused("unknown-critical-extension", message, "Leave the extension out, or mark it as not critical.")
    if _POLICY_CONSTRAINTS in facts.extensions:
        message = "It has policy constraints, which newer network servers enforce and older ones ignore."
        yield _warning("policy-constraints", message, "Leave them out, or give gateways the policy it demands.")


def _unhandled(facts: CertificateFacts) -> frozenset[str]:
    """What Go does not handle; where it cannot read the certificate at all, `_readability` says so."""
    try:
        oids = parse_certificate(facts.der, Go.NEWEST).extensions.unhandled_critical
    except MalformedDer:
        return frozenset()
    return frozenset(".".join(map(str, oid)) for oid in oids)


def _key(facts: CertificateFacts) -> Iterator[Finding]:
    weak = find_weaknesses(facts.spki)
    yield from weak
    if facts.key_type == "Ed25519":
        message = "Its key is Ed25519, which Basics Station cannot read in a certificate that the CA signed."
        yield _warning("key-unknown-to-stations", message, "Use P-256 or RSA 2048 for gateways with Basics Station.")
    elif not weak:
        yield _good("key", f"Its key is {facts.key_type}, and nothing weak was found in it.")


def _signature(facts: CertificateFacts) -> Iterator[Finding]:
    if not facts.is_self_signed:
        yield from _old_signature(facts)
    elif _is_old(facts):
        message = f"It signed itself with {facts.signature_algorithm}; nobody checks that of a root."
        yield _warning("old-self-signature", message, "Use SHA-256 in the next root.")
    if facts.is_self_issued and not facts.is_self_signed and _claims_own_key(facts):
        message = "It says that it signed itself, and the signature does not fit: it was changed or damaged."
        yield _refused("broken-self-signature", message, "Export the certificate again from where it was made.")


def _old_signature(facts: CertificateFacts) -> Iterator[Finding]:
    if _is_old(facts):
        message = f"It is signed with {facts.signature_algorithm}, which can be forged."
        yield _refused("old-signature", message, "Have it signed again with SHA-256.")


def _is_old(facts: CertificateFacts) -> bool:
    return facts.signature_algorithm.startswith(_OLD_HASHES) or facts.signature_algorithm.endswith(_OLD_HASHES)


def _claims_own_key(facts: CertificateFacts) -> bool:
    """A root that was renewed under its old key is self-issued too, but names that key (RFC 4210 section 4.4)."""
    return facts.authority_key_identifier in (None, facts.subject_key_identifier)


def _serial(facts: CertificateFacts) -> Iterator[Finding]:
    serial = int(facts.serial, 16)
    if serial < 0 and not facts.is_self_signed:
        message = "Its serial number is negative, so newer network servers drop it without a word."
        yield _refused("serial-negative", message, "Have it issued again with a positive serial number.")
    elif serial <= 0:
        message = f"Its serial number is {serial}, which is not allowed; newer network servers drop negative ones."
        yield _warning("serial-not-positive", message, "Give the next root a positive serial number.")
    elif serial.bit_length() > 160:
        message = "Its serial number is longer than 20 octets, which some readers refuse."
        yield _warning("serial-too-long", message, "Use at most 20 octets next time.")


def _identifiers(facts: CertificateFacts) -> Iterator[Finding]:
    if facts.subject_key_identifier is None and facts.version == 3:
        message = "It has no subject key identifier, so that CAs of the same name are hard to tell apart."
        yield _warning("no-subject-key-identifier", message, "Add the extension to the next CA certificate.")


def _names(facts: CertificateFacts) -> Iterator[Finding]:
    if facts.name_constraints:
        message = f"It limits the names it signs: {'; '.join(facts.name_constraints)[:300]}."
        yield _warning(
            "name-constraints", message, "Check that your gateways' certificates fit; their CN is not meant."
        )


def _readability(facts: CertificateFacts) -> Iterator[Finding]:
    """A bundle's reader drops what it cannot parse without a word, so what no other rule found is asked for here."""
    newest, oldest = is_readable(facts.der, Go.NEWEST), is_readable(facts.der, Go.OLDEST)
    if newest and oldest:
        return
    if facts.is_self_signed and int(facts.serial, 16) < 0:
        return  # told by its serial number: a warning, as real roots have it
    which = "Network servers" if not (newest or oldest) else "Some versions of the network server"
    message = f"{which} cannot read this certificate and would drop it from the bundle without a word."
    yield _refused("dropped-by-server", message, "Have it issued again by an up-to-date CA tool.")


def _refused(code: str, message: str, advice: str) -> Finding:
    return Finding(code, Severity.REFUSED, message, advice)


def _warning(code: str, message: str, advice: str) -> Finding:
    return Finding(code, Severity.WARNING, message, advice)


def _good(code: str, message: str) -> Finding:
    return Finding(code, Severity.GOOD, message)
