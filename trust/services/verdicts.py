"""Preflight with what our rows know: whose the authority is, whether the certificate is revoked, what is published."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from accounts.models import User
from cas.models import Authority, Signing
from certificates.models import Certificate
from core import clock
from core.errors import Refused
from core.templatetags.ui import utc
from gateways.models import Gateway
from pki.errors import PkiError
from pki.eui import InvalidEui, is_canonical, read_eui
from pki.facts import CertificateFacts, read_certificate
from pki.findings import Finding, Severity
from pki.preflight import Verdict, leaf_der, preflight
from pki.weak_keys import find_weaknesses
from trust.models import Cluster, Group, Release
from trust.services.drafts import newest_release, trusted_now
from trust.services.gateway_side import gateway_side
from trust.services.releases import certificates_in, published_release

FRESH = timedelta(days=30)  # how long it is worth saying that servers may not have restarted since


@dataclass(frozen=True, slots=True)
class Against:
    """What a certificate is checked against: a release, what would be published now, or a file."""

    label: str
    certificates: Sequence[bytes]  # DER
    group: Group | None = None
    release: Release | None = None
    is_live: bool = False  # servers have read it: nothing remains to be warned about


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: a certificate, the EUI that it should carry, and the gateway, where it is known."""

    leaf: bytes  # DER or PEM, as it came
    eui: str | None = None
    gateway: Gateway | None = None


def published(group: Group) -> Against:
    """What the network servers read at their next start."""
    release = published_release(group)
    label = f"release {release.number}" if release else "nothing: no release is published"
    return Against(label, certificates_in(release), group, release)


def of_release(release: Release) -> Against:
    """What one release holds, whether or not it ever reached a store."""
    return Against(f"release {release.number}", certificates_in(release), release.group, release)


def live(cluster: Cluster) -> Against:
    """What the servers of a cluster have read."""
    if cluster.live is None:
        raise Refused("live-not-known", f"Nobody said what {cluster.name} has read. Mark a release live there first.")
    against = of_release(cluster.live)
    return replace(against, label=f"release {cluster.live.number}, live in {cluster.name}", is_live=True)


def in_use(group: Group) -> Against:
    """What the network servers have read: of those that say so, the one that is furthest behind; else `published`."""
    furthest = Cluster.objects.listed().filter(live__group=group).order_by("live__number").first()
    return live(furthest) if furthest else published(group)


def draft(group: Group) -> Against:
    """What would be published now."""
    newest = newest_release(group)
    number = newest.number + 1 if newest else 1
    return Against(
        f"what release {number} would hold", [bytes(each.authority.der) for each in trusted_now(group)], group
    )


def of_text(text: str, *, viewer: User) -> Subject:
    """A certificate (PEM; the first of a chain counts), or an EUI: then the current certificate of that gateway."""
    if "-----BEGIN" in text:
        return of_file(text.encode(), viewer=viewer)
    try:
        eui = read_eui(text).eui
    except InvalidEui as error:
        message = f"{error.message} Paste a certificate in PEM form, or the EUI of a gateway."
        raise Refused("nothing-to-check", message, field="leaf") from error
    gateway = Gateway.objects.visible_to(viewer).filter(eui=eui).first()
    if gateway is None:
        raise Refused("no-such-gateway", f"There is no gateway {eui} here. Register it first.", field="leaf")
    return of_gateway(gateway)


def of_file(content: bytes, *, viewer: User | None = None) -> Subject:
    """A certificate file. `viewer` None sees everything."""
    facts = _facts(content)
    named = facts.name if facts and is_canonical(facts.name) else None
    gateways = Gateway.objects.all() if viewer is None else Gateway.objects.visible_to(viewer)
    return Subject(content, None, gateways.filter(eui=named).first() if named else None)


def of_gateway(gateway: Gateway) -> Subject:
    """The certificate in force that lasts longest, else the one that ended last."""
    certificates = Certificate.objects.filter(gateway=gateway)
    ordered = certificates.order_by("-not_after")
    chosen = ordered.in_force(clock.now()).first() or ordered.first()
    if chosen is None:
        raise Refused("no-certificate", f"Gateway {gateway.eui} has no certificate yet.", field="leaf")
    return Subject(bytes(chosen.der), gateway.eui, gateway)


def judge(subject: Subject, against: Against, *, at: datetime | None = None) -> Verdict:
    """The Things Stack's verdict, with our own warnings behind it."""
    when = at or clock.now()
    verdict = preflight(subject.leaf, eui=subject.eui, bundle=against.certificates, at=when)
    return warn(verdict, subject, against, at=when)


def warn(verdict: Verdict, subject: Subject, against: Against, *, at: datetime) -> Verdict:
    """Add what The Things Stack does not care about and we do."""
    facts = _facts(subject.leaf)
    if facts is None:
        return verdict
    found = (
        _weak(facts, verdict),
        _foreign(subject.gateway, verdict),
        _revoked(facts, verdict),
        _not_live(subject, against, verdict, at),
    )
    return verdict.with_warnings(each for each in found if each)


def gateway_side_of(subject: Subject) -> tuple[Finding, ...]:
    """What the gateway itself needs of its certificate."""
    facts = _facts(subject.leaf)
    return gateway_side(name=facts.name, public_key=facts.spki) if facts else ()


def authority_of(verdict: Verdict, *, viewer: User) -> Authority | None:
    """The authority that decided, where `viewer` may see it."""
    return Authority.objects.visible_to(viewer).filter(sha256=verdict.issuer_sha256 or "").first()


def _facts(content: bytes) -> CertificateFacts | None:
    try:
        return read_certificate(leaf_der(content))
    except PkiError:
        return None


def _weak(facts: CertificateFacts, verdict: Verdict) -> Finding | None:
    """Weaknesses that take arithmetic to find; the plain ones are in the verdict already."""
    if any(each.code == "weak_key" for each in verdict.warnings):
        return None
    try:
        found = find_weaknesses(facts.spki)
    except PkiError:
        return None
    return (
        None
        if not found
        else _warning("weak_key", found[0].message, "Make a new P-256 or RSA 2048 key in the gateway.")
    )


def _foreign(gateway: Gateway | None, verdict: Verdict) -> Finding | None:
    """The Things Stack lets every authority of the group sign every EUI. Whose it is stays unsaid: vendors read it."""
    if gateway is None or verdict.issuer_sha256 is None:
        return None
    owners = Authority.objects.filter(sha256=verdict.issuer_sha256, vendor__isnull=False)
    if not owners.exclude(vendor_id=gateway.vendor_id).exists():
        return None
    message = (
        f"Its issuing CA belongs to another vendor than gateway {gateway.eui} does: The Things Stack lets any CA of "
        "the group sign any EUI."
    )
    return _warning("foreign_authority", message, "Find out who made this certificate before you rely on it.")


def _revoked(facts: CertificateFacts, verdict: Verdict) -> Finding | None:
    if not (verdict.accepted and _is_revoked(facts, verdict.issuer_sha256 or "")):
        return None
    message = "This certificate is revoked, and The Things Stack accepts it all the same: it reads no revocation list."
    return _warning("revoked_but_accepted", message, "Only taking its issuing CA out of the bundle keeps it out.")


def _is_revoked(facts: CertificateFacts, issuer_sha256: str) -> bool:
    """As a certificate on record, or by its serial alone, which is how one is revoked that may exist."""
    if Certificate.objects.filter(sha256=facts.sha256, revoked_at__isnull=False).exists():
        return True
    keys = Authority.objects.operated().filter(sha256=issuer_sha256).values("key")
    by_serial = Signing.objects.filter(key__in=keys, serial=facts.serial)
    return by_serial.filter(revoked_at__isnull=False).exists()


def _not_live(subject: Subject, against: Against, verdict: Verdict, at: datetime) -> Finding | None:
    """Published is not live: a network server reads the store once, when it starts."""
    if against.group is None or against.is_live:
        return None
    if against.release is None and verdict.accepted:
        return _beyond_published(subject, against.group, at)
    if verdict.accepted:
        return _since_when(against.release, verdict.issuer_sha256)
    if verdict.rule in ("unknown_authority", "no_ca_pool"):
        return _is_published(subject, against, at) or _waits_for_release(subject, against.group, at)
    return None


def _beyond_published(subject: Subject, group: Group, at: datetime) -> Finding | None:
    certificates = published(group).certificates
    if preflight(subject.leaf, eui=subject.eui, bundle=certificates, at=at).accepted:
        return None
    return _warning(
        "not_live",
        "This is not published yet: what the network servers read today does not let this gateway in.",
        "Publish the release, then restart the network servers.",
    )


def _is_published(subject: Subject, against: Against, at: datetime) -> Finding | None:
    """Refused by a release that is not what network servers read by now."""
    group, release = against.group, against.release
    if group is None or release is None:
        return None
    for other in (published_release(group), newest_release(group)):
        if other is None or other.pk == release.pk:
            continue
        if preflight(subject.leaf, eui=subject.eui, bundle=certificates_in(other), at=at).accepted:
            return _said_of(release, other)
    return None


def _said_of(past: Release, other: Release) -> Finding:
    message = f"Release {past.number} does not hold its issuing CA; release {other.number} does"
    if other.publications.ever_done().exists() or not other.group.stores.exists():
        advice = "Check it against what is published: network servers that start now read that."
        return _warning("other_release", f"{message}, and is published.", advice)
    advice = "Once it is there, restart the network servers."
    return _warning("other_release", f"{message}, and is on its way to the stores.", advice)


def _waits_for_release(subject: Subject, group: Group, at: datetime) -> Finding | None:
    certificates = draft(group).certificates
    if not preflight(subject.leaf, eui=subject.eui, bundle=certificates, at=at).accepted:
        return None
    return _warning(
        "not_live",
        "Its issuing CA is in the group already, but in no published release.",
        "Publish the next release, then restart the network servers.",
    )


def _since_when(release: Release | None, issuer_sha256: str | None) -> Finding | None:
    first = _first_with(release, issuer_sha256)
    if first is None or clock.now() - first.released_at > FRESH:
        return None
    return _warning(
        "not_live",
        f"Published is not live: its issuing CA came with release {first.number} on {utc(first.released_at)}, and "
        "network servers that started before do not know it.",
        "Restart the network servers that have run since before then.",
    )


def _first_with(release: Release | None, issuer_sha256: str | None) -> Release | None:
    """The release since which the authority has been in the bundle without a break."""
    first = None
    if release is None:
        return None
    releases = Release.objects.of(release.group).filter(number__lte=release.number).defer("bundle")
    holding = set(releases.filter(authorities__sha256=issuer_sha256).values_list("pk", flat=True))
    for each in releases.order_by("-number").iterator():
        if each.pk not in holding:
            break
        first = each
    return first


def _warning(code: str, message: str, advice: str) -> Finding:
    return Finding(code, Severity.WARNING, message, advice)
