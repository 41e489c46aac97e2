"""Probes: a gateway's certificate is really shown to a cluster, and its answer compared with what each release says.

One answer seldom tells one release from the next: what is marked live is the oldest release that explains all answers,
so that no gateway is called accepted which may not be.
"""

import json
import re
import ssl
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts.models import Deployment, User
from accounts.services.recipients import operators
from audit.services import SYSTEM, record
from certificates.models import Certificate
from certificates.services.custody import keep_for, let_go_of
from core import clock
from core.errors import Refused
from core.outgoing import HandshakeRefused, NoAnswer, resolve, send
from gateways.models import Gateway
from keys import services as vault
from outbox.services import queue_mail
from pki.eui import InvalidEui, read_eui, to_id6
from pki.preflight import preflight
from trust.models import Cluster, Probe, Release
from trust.services.groups import common, refuse_unless_operator
from trust.services.live import mark_found
from trust.services.releases import certificates_in

SECONDS = 10.0
PATH = "/update-info"
REFUSING = (400, 401, 403, 495, 496)  # nginx says 400, 495 and 496 where others end TLS
REFUSALS = (  # the alerts of RFC 8446 section 6.2 that speak of the client's certificate
    "bad certificate", "unsupported certificate", "certificate revoked", "certificate expired", "certificate unknown",
    "unknown ca", "access denied", "certificate required",
)  # fmt: skip
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")
Answer = Probe.Answer


def create_probe(actor: User, cluster: Cluster, *, eui: str, address: str, trust: str = "") -> Probe:
    """Let the current certificate of gateway `eui`, whose key is sealed here, be shown at `address` (host:port)."""
    refuse_unless_operator(actor)
    address = _checked_address(address)
    _check_trust(trust)
    certificate = _certificate(eui)
    try:
        with transaction.atomic():
            probe = Probe.objects.create(
                cluster=cluster, certificate=certificate, address=address, trust=trust.strip(), created_by=actor
            )
            keep_for(certificate, certificate.not_after)
            record(actor, "probe.created", subject=probe, cluster=cluster.name)
    except IntegrityError as error:
        raise Refused("probe-exists", "This certificate is shown to this cluster already.", field="eui") from error
    return probe


def delete_probe(actor: User, probe: Probe) -> None:
    """The key of its certificate is destroyed by the schedule."""
    refuse_unless_operator(actor)
    with transaction.atomic():
        record(actor, "probe.deleted", subject=probe, cluster=probe.cluster.name)
        certificate = probe.certificate
        probe.delete()
        if not Probe.objects.filter(certificate=certificate).exists():
            let_go_of(certificate)


def ask_cluster(cluster: Cluster) -> None:
    """Ask with each probe of the cluster, and conclude what is live."""
    probes = list(cluster.probes.listed())
    for probe in probes:
        probe.answer, probe.words = ask(probe)
        probe.asked_at = clock.now()
        probe.save(update_fields=["answer", "words", "asked_at"])
    _conclude(cluster, [each for each in probes if each.answer in (Answer.ACCEPTED, Answer.REFUSED)])


def ask(probe: Probe) -> tuple[Answer, str]:
    """One whole connection as this gateway; what came of it, in words."""
    certificate = probe.certificate
    if not certificate.has_sealed_key or certificate.key_id is None:
        return Answer.SILENT, "The private key of this certificate is not here any more. Choose another."
    body = json.dumps({"router": to_id6(certificate.gateway.eui)}).encode()
    try:
        tls = vault.client_tls(certificate.key_id, bytes(certificate.der), trust=probe.trust)
        headers = {"Content-Type": "application/json"}
        answer = send("POST", _url(probe.address), headers=headers, body=body, seconds=SECONDS, tls=tls)
    except HandshakeRefused as error:
        return (Answer.REFUSED if error.alert in REFUSALS else Answer.SILENT), error.message[:300]
    except (NoAnswer, Refused) as error:
        return Answer.SILENT, error.message[:300]
    return read_status(answer.status)


def read_status(status: int) -> tuple[Answer, str]:
    """What an HTTP status says about the certificate. Any other than these came from behind the check."""
    if status in REFUSING:
        return Answer.REFUSED, f"It answers {status}."
    if status >= 500:
        return Answer.SILENT, f"It answers {status}, which says nothing about the certificate."
    return Answer.ACCEPTED, f"It answers {status}."


def expects(release: Release, certificate: Certificate) -> bool:
    """Whether servers that read `release` let this certificate in now."""
    bundle = certificates_in(release)
    return preflight(bytes(certificate.der), eui=certificate.gateway.eui, bundle=bundle, at=clock.now()).accepted


def explaining(releases: Iterable[Release], probes: Sequence[Probe]) -> list[Release]:
    """Those of `releases` that expect each of the answers."""
    return [
        release
        for release in releases
        if all(expects(release, each.certificate) == (each.answer == Answer.ACCEPTED) for each in probes)
    ]


def _conclude(cluster: Cluster, probes: Sequence[Probe]) -> None:
    if not probes:
        return
    releases = _readable(cluster)
    found = explaining(releases, probes)
    if found:
        Probe.objects.filter(cluster=cluster).update(contradicts_since=None)
        if cluster.live not in found:
            mark_found(cluster, found[0])
    elif releases:
        _contradict(cluster, probes)


def _readable(cluster: Cluster) -> list[Release]:
    """What the cluster can have read, the oldest first: what is live, and what reached its store since."""
    written = Release.objects.filter(group=common(), publications__in=cluster.store.publications.ever_done())
    since = cluster.live.number if cluster.live else 0
    return list(written.filter(number__gte=since).order_by("-number")[: settings.RELEASES_KEPT])[::-1]


def _contradict(cluster: Cluster, probes: Sequence[Probe]) -> None:
    """Nothing that was published explains what the cluster answers. Operators are told once."""
    with transaction.atomic():
        fresh = Probe.objects.filter(cluster=cluster, contradicts_since__isnull=True)
        if not fresh.update(contradicts_since=clock.now()):
            return
        act = record(SYSTEM, "probe.contradicts", subject=probes[0], cluster=cluster.name)
        context = {
            "cluster": cluster,
            "probes": probes,
            "at": clock.now(),
            "deployment": Deployment.objects.first(),
            "action_url": settings.PUBLIC_URL + reverse("trust:clusters"),
            "action_label": "Open the clusters",
        }
        for address in operators():
            queue_mail(key=f"probe:{act.pk}:{address}", to=address, template="probe_contradicts", context=context)


def _certificate(eui: str) -> Certificate:
    try:
        gateway = Gateway.objects.filter(eui=read_eui(eui).eui).first()
    except InvalidEui as error:
        raise Refused("eui-invalid", error.message, field="eui") from error
    if gateway is None:
        raise Refused("no-such-gateway", "There is no such gateway here. Register it first.", field="eui")
    alive = Certificate.objects.in_force(clock.now()).filter(gateway=gateway).with_key()
    chosen = next((each for each in alive.order_by("-not_after") if each.has_sealed_key), None)
    if chosen is None:
        message = (
            f"No certificate of {gateway.eui} has its private key here. Request one whose key is made here, and do "
            "not confirm its receipt."
        )
        raise Refused("no-key-here", message, field="eui")
    return chosen


def _url(address: str) -> str:
    return f"https://{address}{PATH}"


def _checked_address(address: str) -> str:
    read = address.strip().removeprefix("https://").rstrip("/")
    if not _ADDRESS.fullmatch(read):
        raise Refused("address-invalid", "Write it as host:port, such as lns.example.com:8987.", field="address")
    try:
        resolve(_url(read))
    except NoAnswer as error:
        raise Refused("address-refused", error.message, field="address") from error
    return read


def _check_trust(trust: str) -> None:
    try:
        ssl.create_default_context(cadata=trust.strip() or None)
    except (ssl.SSLError, ValueError) as error:
        raise Refused(
            "trust-unreadable", "Paste certificates in PEM form, or leave it empty.", field="trust"
        ) from error
