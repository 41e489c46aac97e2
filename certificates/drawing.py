"""Certificates on a time axis."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.urls import reverse

from cas.chains import authority_style, end_in_words, leaf_label
from cas.models import Authority
from certificates.models import Certificate, ServerCertificate, ServerStanding, Standing
from core import clock
from core.axis import Span, TimeAxis, draw
from core.templatetags.ui import span_in_words

STYLES = {Standing.VALID: "", Standing.SOON: "warn", Standing.EXPIRED: "past", Standing.SUPERSEDED: "past"}

SERVER_STYLES = {
    ServerStanding.VALID: "",
    ServerStanding.DUE: "warn",
    ServerStanding.EXPIRED: "past",
    ServerStanding.SUPERSEDED: "past",
}


def draw_path(certificate: Certificate) -> TimeAxis:
    """From the root down to the certificate."""
    chain = certificate.authority.chain()[::-1]
    spans = [_authority(each, depth) for depth, each in enumerate(chain)]
    return draw([*spans, _leaf(certificate, len(chain))], now=clock.now())


def draw_server(row: ServerCertificate) -> TimeAxis | None:
    """From the root down to a server's certificate; None while it is being signed."""
    if row.not_before is None or row.not_after is None:
        return None
    chain = row.authority.chain()[::-1]
    spans = [_authority(each, depth) for depth, each in enumerate(chain)]
    leaf = Span(
        row.host,
        f"Server, {row.key_type}",
        row.not_before,
        row.not_after,
        depth=len(chain),
        style=SERVER_STYLES.get(row.standing, "bad"),
        label=end_in_words(row.not_after),
    )
    return draw([*spans, leaf], now=clock.now())


def draw_history(certificates: Sequence[Certificate]) -> TimeAxis:
    """A gateway's certificates, latest first, below the authority of the latest."""
    authority, leaves = certificates[0].authority, [_in_history(each, certificates) for each in certificates]
    end = authority.not_after
    above = replace(_authority(authority, 0), label="", note=f"Authority, {end_in_words(end)}")
    return draw([above, *leaves], now=clock.now(), around=leaves)


def _in_history(certificate: Certificate, others: Sequence[Certificate]) -> Span:
    """With what superseded it: the first that came after it, for the same vendor, and lasts longer."""
    leaf = _leaf(certificate, 0)
    same = [each for each in others if each.vendor_id == certificate.vendor_id]
    later = [each for each in same if each.created_at > certificate.created_at]
    longer = [each for each in later if each.not_after > certificate.not_after]
    if not longer or certificate.revoked_at:
        return leaf
    successor = min(longer, key=lambda each: each.created_at)
    return replace(leaf, note=f"{leaf.note}, superseded by that of {successor.not_before:%d %b %Y}")


def _authority(authority: Authority, depth: int) -> Span:
    return Span(
        authority.name,
        f"{authority.kind}, {authority.key_type}",
        authority.not_before,
        authority.not_after,
        depth=depth,
        style=authority_style(is_root=authority.is_root, end=authority.not_after),
        label=end_in_words(authority.not_after),
        url=reverse("cas:detail", args=[authority.pk]),
    )


def _leaf(certificate: Certificate, depth: int) -> Span:
    end = certificate.authority.not_after
    return Span(
        f"Certificate of {certificate.not_before:%d %b %Y}",
        f"{certificate.standing.label}, {certificate.get_origin_display().lower()}",
        certificate.not_before,
        certificate.not_after,
        depth=depth,
        style=STYLES.get(certificate.standing, "bad"),
        label=_label(certificate, end),
        url=reverse("certificates:detail", args=[certificate.pk]),
        void_from=end,
    )


def _label(certificate: Certificate, issuer_end: datetime) -> str:
    if certificate.standing == Standing.SOON and certificate.not_after <= issuer_end:
        return f"ends in {span_in_words(certificate.not_after - clock.now())}, no successor yet"
    return leaf_label(certificate.not_after, issuer_end)
