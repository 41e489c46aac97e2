"""What Prometheus reads: asked of the database at each scrape, so that any number of web processes say the same.

Labels are kinds, states, jobs, stores and groups: their number does not grow with the fleet."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import caches
from django.db.models import Count, Max, Min, Q
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from accounts.models import Vendor
from alerts.kinds import Kind
from alerts.watched import WATCHED
from audit.models import Heartbeat, Record
from cas.models import Authority
from certificates.models import Batch, Certificate, Chunk, Request, ServerCertificate
from core import clock
from gateways.models import SOON, Claim, Dispute, Gateway, Import, Standing
from outbox.hook_models import HookDelivery
from outbox.models import Message
from trust.models import Cluster, Group, Publication, Release, Store

KEPT_SECONDS = 15  # a body is given out again for so long: scrapers of any number cost the database one
LATENCY_WINDOW = timedelta(hours=1)
MOST_MEASURED = 5_000
QUANTILES = (0.5, 0.95, 1.0)
PREFIX = "certadmin_"
Family = Callable[[datetime], Iterator[Metric]]


def exposition() -> bytes:
    """The text format of Prometheus, version 0.0.4."""
    kept: bytes | None = caches["process"].get("metrics")
    if kept is not None:
        return kept
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Desk())
    made = generate_latest(registry)
    caches["process"].set("metrics", made, KEPT_SECONDS)
    return made


class _Desk(Collector):
    def collect(self) -> Iterable[Metric]:
        now = clock.now()
        for family in FAMILIES:
            yield from family(now)

    def describe(self) -> Iterable[Metric]:
        return ()


def _gateways(now: datetime) -> Iterator[Metric]:
    end = "current_not_after"
    in_use = Gateway.objects.in_use().aggregate(
        none=Count("pk", filter=Q(**{f"{end}__isnull": True})),
        expired=Count("pk", filter=Q(**{f"{end}__lte": now})),
        soon=Count("pk", filter=Q(**{f"{end}__gt": now, f"{end}__lte": now + SOON})),
        valid=Count("pk", filter=Q(**{f"{end}__gt": now + SOON})),
    )
    counts = {**in_use, Standing.RETIRED.value: Gateway.objects.filter(retired_at__isnull=False).count()}
    yield _gauge("gateways", "Gateways by how they stand with their certificate.", "state", counts)
    yield _gauge("vendors", "Vendors.", "", {"": Vendor.objects.count()})


def _certificates(now: datetime) -> Iterator[Metric]:
    counts = Certificate.objects.aggregate(
        revoked=Count("pk", filter=Q(revoked_at__isnull=False)),
        expired=Count("pk", filter=Q(revoked_at__isnull=True, not_after__lte=now)),
        soon=Count("pk", filter=Q(revoked_at__isnull=True, not_after__gt=now, not_after__lte=now + SOON)),
        valid=Count("pk", filter=Q(revoked_at__isnull=True, not_after__gt=now + SOON)),
    )
    yield _gauge(
        "certificates", "Certificates of gateways by state; superseded ones count until they end.", "state", counts
    )


def _soonest(now: datetime) -> Iterator[Metric]:
    """Of those that still work: what is over asks for nothing any more."""
    authorities = Authority.objects.approved().filter(not_after__gt=now)
    ends = {
        "gateway": Gateway.objects.filter(current_not_after__gt=now).aggregate(end=Min("current_not_after"))["end"],
        "server": ServerCertificate.objects.current(now)
        .filter(not_after__gt=now)
        .aggregate(end=Min("not_after"))["end"],
        "authority_operated": authorities.operated().aggregate(end=Min("not_after"))["end"],
        "authority_uploaded": authorities.exclude(origin=Authority.Origin.OPERATED).aggregate(end=Min("not_after"))[
            "end"
        ],
    }
    for kind in (Kind.LIST, Kind.SIGNER, Kind.TOKEN, Kind.PROBE):
        watch = WATCHED[kind]
        coming = watch.subjects(now).filter(**{f"{watch.ends}__gt": now})
        ends[kind.value] = coming.aggregate(end=Min(watch.ends))["end"]
    seconds = {kind: end.timestamp() for kind, end in ends.items() if end}
    yield _gauge("soonest_expiry_timestamp_seconds", "When the first of this kind ends.", "kind", seconds)


def _queues(now: datetime) -> Iterator[Metric]:
    depths = {
        "requests_to_approve": Request.objects.waiting().count(),
        "requests_to_issue": Request.objects.unfinished().count(),
        "requests_may_exist": Request.objects.filter(state=Request.State.MAY_EXIST).count(),
        "batches_to_approve": Batch.objects.waiting().count(),
        "chunks": Chunk.objects.due(now).count(),
        "imports": Import.objects.working().count(),
        "webhook_calls": HookDelivery.objects.filter(state=HookDelivery.State.WAITING).count(),
        "messages": Message.objects.filter(state=Message.State.QUEUED).count(),
        "publications": Publication.objects.unfinished().count(),
        "claims": Claim.objects.waiting().count(),
        "disputes": Dispute.objects.open().count(),
        "authorities_to_review": Authority.objects.waiting().count(),
        "audit_records_to_seal": Record.objects.unsealed().count(),
    }
    yield _gauge("queue_depth", "What waits, for a person or for a worker.", "queue", depths)
    oldest = Message.objects.filter(state=Message.State.QUEUED).aggregate(at=Min("created_at"))["at"]
    age = {"": (now - oldest).total_seconds() if oldest else 0}
    yield _gauge("oldest_message_age_seconds", "How long the oldest mail waits that is not delivered.", "", age)


def _jobs(now: datetime) -> Iterator[Metric]:
    """Every scheduled job; one that never succeeded has no age, and is missing from the first family only."""
    beats = dict(Heartbeat.objects.values_list("job", "succeeded_at"))
    scheduled = settings.CELERY_BEAT_SCHEDULE
    ages = {job: (now - beats[job]).total_seconds() for job in scheduled if job in beats}
    yield _gauge("job_last_success_age_seconds", "Since the scheduled job last succeeded.", "job", ages)
    periods = {job: float(entry["schedule"]) for job, entry in scheduled.items()}
    yield _gauge("job_period_seconds", "How often the scheduled job runs.", "job", periods)


def _publication(now: datetime) -> Iterator[Metric]:
    newest = dict(Release.objects.order_by().values_list("group__name").annotate(Max("number")))
    yield _gauge("release_newest", "Number of the newest release of a trust group.", "group", newest)
    stored = GaugeMetricFamily(
        f"{PREFIX}release_stored", "Number of the release that a store has.", labels=["group", "store"]
    )
    done = Publication.objects.done().order_by().values_list("release__group__name", "store__name")
    for group, store, number in done.annotate(Max("release__number")):
        stored.add_metric([group, store], number)
    yield stored
    drift = {name: int(bool(complaint)) for name, complaint in Store.objects.values_list("name", "complaint")}
    yield _gauge("store_drift", "1 where the last check of the store found something wrong.", "store", drift)
    checked = Store.objects.exclude(checked_at=None).values_list("name", "checked_at")
    ages = {name: (now - at).total_seconds() for name, at in checked if at}
    yield _gauge("store_check_age_seconds", "Since the store was last looked at.", "store", ages)
    live = dict(Cluster.objects.exclude(live=None).values_list("name", "live__number"))
    yield _gauge("release_live", "Number of the release that a cluster's servers have read.", "cluster", live)
    yield _gauge("trust_groups", "Trust groups.", "", {"": Group.objects.count()})


def _issuance(now: datetime) -> Iterator[Metric]:
    """From the decision to the certificate, of what was issued within the last hour, or of the last so many."""
    since = now - LATENCY_WINDOW
    newest = Certificate.objects.filter(request__decided_at__isnull=False).order_by("-pk")
    pairs = newest.values_list("created_at", "request__decided_at")[:MOST_MEASURED]
    took = sorted((made - decided).total_seconds() for made, decided in pairs if decided and made > since)
    words = "Seconds from the decision to the certificate, of those issued within the last hour."
    found = {str(share): took[min(int(share * len(took)), len(took) - 1)] for share in QUANTILES} if took else {}
    yield _gauge("issuance_seconds", words, "quantile", found)
    yield _gauge("issued_last_hour", f"How many those are, {MOST_MEASURED} at most.", "", {"": len(took)})


def _gauge(name: str, words: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(PREFIX + name, words, labels=[label] if label else [])
    for value, number in values.items():
        family.add_metric([value] if label else [], number)
    return family


FAMILIES: tuple[Family, ...] = (_gateways, _certificates, _soonest, _queues, _jobs, _publication, _issuance)
