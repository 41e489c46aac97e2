"""Trust groups, their releases, and the stores that releases are published to."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from accounts.models import User
from cas.models import Authority
from certificates.models import Certificate
from core import clock
from core.leases import Leased, LeaseQuerySet
from keys.models import Key

COMMON = "common"  # the key that The Things Stack reads of the index


class Group(models.Model):
    """A named set of authorities, published as files under one folder."""

    name = models.SlugField(max_length=40, unique=True)
    purpose = models.CharField(max_length=200, blank=True)  # in words
    # signs its releases; made with the first
    key = models.ForeignKey(Key, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_common(self) -> bool:
        """The Things Stack reads this one, and no other."""
        return self.name == COMMON


class MembershipQuerySet(models.QuerySet["Membership"]):
    def present(self) -> Self:
        """Those that nobody has taken out."""
        return self.filter(removed_at__isnull=True)

    def of(self, group: Group) -> Self:
        return self.filter(group=group)

    def published_at(self, instant: datetime) -> Self:
        """Those that belong into a release of `instant`: not taken out, and neither they nor their authority ended."""
        ends = Q(ends_at__isnull=True) | Q(ends_at__gt=instant)
        return self.present().filter(ends, authority__not_after__gt=instant)


class Membership(models.Model):
    """An operator's decision to trust an authority in a group, until a date or for good. Taken out, the row stays."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="memberships")
    reason = models.TextField(blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    added_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField(default=clock.now)
    changed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField(null=True, blank=True)  # of its end
    removed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    removed_at = models.DateTimeField(null=True, blank=True)
    removal_reason = models.TextField(blank=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["group", "authority"], condition=Q(removed_at__isnull=True), name="authority_present_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.authority} in {self.group}"


class ReleaseQuerySet(models.QuerySet["Release"]):
    def of(self, group: Group) -> Self:
        return self.filter(group=group)

    def held(self) -> Self:
        """Those that reached a store."""
        return self.filter(publications__published_at__isnull=False).distinct()

    def listed(self) -> Self:
        """Without what lists never show."""
        return self.defer("bundle", "manifest", "readers").select_related(
            "group", "released_by", "approved_by", "repeats"
        )


class Release(models.Model):
    """One numbered, immutable state of a trust group."""

    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="releases")
    number = models.PositiveIntegerField()
    bundle = models.BinaryField()  # PEM; empty where the group is empty
    bundle_sha256 = models.CharField(max_length=64)
    authorities = models.ManyToManyField(Authority, related_name="releases")
    note = models.TextField(blank=True)
    released_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    released_at = models.DateTimeField(default=clock.now)
    single_handed = models.BooleanField(default=False)
    approved_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    # the older release that this one returns to
    repeats = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    audit_head = models.CharField(max_length=64, blank=True)
    manifest = models.TextField(blank=True)  # JSON of `pki.release_manifest`; empty before releases were chained
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    readers = models.JSONField(default=dict)  # the files for proxies, by name
    signature = models.BinaryField(null=True)  # ECDSA over the manifest, DER
    key = models.ForeignKey(Key, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["group", "number"], name="release_number_once_per_group")]

    def __str__(self) -> str:
        return f"Release {self.number} of {self.group}"

    @property
    def file_name(self) -> str:
        """The name under which the index lists the bundle."""
        return f"{self.bundle_sha256}.pem"


class ReviewQuerySet(models.QuerySet["Review"]):
    def of_draft(self, group: Group, seal: str) -> Self:
        return self.filter(group=group, seal=seal).select_related("by").order_by("id")


class Review(models.Model):
    """An operator looked at a draft and said what it thinks of it. Bound to the seal: a changed draft has none."""

    class Verdict(models.TextChoices):
        APPROVES = "approves", "Approves"
        OBJECTS = "objects", "Objects"

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="reviews")
    seal = models.CharField(max_length=64)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)
    verdict = models.CharField(max_length=10, choices=Verdict)
    note = models.TextField(blank=True)
    release = models.ForeignKey(Release, null=True, blank=True, on_delete=models.CASCADE, related_name="reviews")

    objects = ReviewQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "seal", "by"], name="review_once_per_draft")]

    def __str__(self) -> str:
        return f"{self.by} {self.verdict}"


class StoreQuerySet(LeaseQuerySet["Store"]):
    def ours(self) -> Self:
        return self.filter(state=Store.State.OURS)

    def at(self, store: "Store") -> Self:
        """Those that lie where `store` lies."""
        place = ("kind", "directory", "endpoint", "bucket", "prefix")
        return self.filter(**{field: getattr(store, field) for field in place})


class Store(Leased):
    """Where a network server reads its trust bundle: a directory or an S3 bucket. Who holds its lease may write."""

    class Kind(models.TextChoices):
        DIRECTORY = "directory", "Directory"
        S3 = "s3", "S3 bucket"

    class State(models.TextChoices):
        UNREAD = "unread", "Not read yet"
        FOREIGN = "foreign", "Holds an index that we did not write"
        NEWER = "newer", "Holds a newer release of ours than we know"
        OURS = "ours", "Ours"

    class Trouble(models.TextChoices):
        NONE = "", "None"
        FAILING = "failing", "Does not do what it is asked"
        FORBIDDEN = "forbidden", "Does not let us"
        CHANGED = "changed", "Was changed by somebody else"
        BESIDE = "beside", "Holds files of somebody else beside ours"

    class Repair(models.TextChoices):
        ITSELF = "itself", "By itself, at once"
        ASKED = "asked", "When an operator says so"

    class TagForm(models.TextChoices):
        NONE = "", "Not honoured"
        QUOTED = "quoted", "Honoured"
        BARE = "bare", "Honoured, with the tag unquoted"

    name = models.CharField(max_length=80, unique=True)
    groups = models.ManyToManyField(Group, related_name="stores")
    kind = models.CharField(max_length=10, choices=Kind)
    directory = models.CharField(max_length=400, blank=True)
    endpoint = models.CharField(max_length=200, blank=True)
    bucket = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(max_length=200, blank=True)
    region = models.CharField(max_length=40, blank=True)
    path_style = models.BooleanField(default=True)
    state = models.CharField(max_length=10, choices=State, default=State.UNREAD)
    replaces_sha256 = models.CharField(max_length=64, blank=True)  # of the foreign index that may be overwritten
    checked_at = models.DateTimeField(null=True, blank=True)
    trouble = models.CharField(max_length=10, choices=Trouble, blank=True, default=Trouble.NONE)
    complaint = models.CharField(max_length=500, blank=True)  # what the last check found wrong; empty: complete
    # what is not as we left it: [{"kind", "name", "words"}], at most troubles.MAX_SHOWN
    differences = models.JSONField(default=list, blank=True)
    repair = models.CharField("what was changed is put right", max_length=10, choices=Repair, default=Repair.ITSELF)
    failing_since = models.DateTimeField(null=True, blank=True)
    alarmed_at = models.DateTimeField(null=True, blank=True)
    # which conditional writes it honours, as tried (`core.conditions`)
    creates_once = models.BooleanField(default=False)
    tag_form = models.CharField(max_length=10, choices=TagForm, blank=True, default=TagForm.NONE)
    probed_at = models.DateTimeField(null=True, blank=True)
    lists_state = models.CharField(max_length=64, blank=True, default="")  # of the lists that were written last
    created_at = models.DateTimeField(default=clock.now)

    objects = StoreQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "directory", "endpoint", "bucket", "prefix"], name="store_once_per_place"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def holds(self, group: Group) -> "Release | None":
        """The newest release of `group` that was completely written here."""
        written = self.publications.ever_done().filter(release__group=group)
        newest = written.newest_first().select_related("release__group").first()
        return newest.release if newest else None

    @property
    def place(self) -> str:
        """Where it lies, in one line."""
        if self.kind == self.Kind.DIRECTORY:
            return self.directory
        return f"{self.endpoint or 'Amazon S3'} · {'/'.join(filter(None, (self.bucket, self.prefix)))}"


class PublicationQuerySet(LeaseQuerySet["Publication"]):
    def unfinished(self) -> Self:
        return self.filter(state=Publication.State.QUEUED)

    def possible(self) -> Self:
        """Unfinished ones to a store that we may write to."""
        return self.unfinished().filter(store__state=Store.State.OURS)

    def due(self, now: datetime) -> Self:
        return self.possible().filter(next_attempt_at__lte=now)

    def done(self) -> Self:
        return self.filter(state=Publication.State.PUBLISHED)

    def ever_done(self) -> Self:
        """Those that were complete once, even if they are on their way again."""
        return self.filter(published_at__isnull=False)

    def newest_first(self) -> Self:
        return self.order_by("-release__number")


class Publication(Leased):
    """One release on its way to one store."""

    class State(models.TextChoices):
        QUEUED = "queued", "On its way"
        PUBLISHED = "published", "Published"
        SUPERSEDED = "superseded", "Superseded"

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="publications")
    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="publications")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    next_attempt_at = models.DateTimeField(default=clock.now)
    published_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)

    objects = PublicationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["release", "store"], name="release_once_per_store")]

    def __str__(self) -> str:
        return f"{self.release} to {self.store}"


class StoreFile(models.Model):
    """A file that an index of ours or before us named, and since when it is no longer needed."""

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=400)  # "common/<sha256>.pem"
    is_ours = models.BooleanField()  # what others wrote is never deleted by itself
    may_stay = models.BooleanField(default=False)  # of others, and an operator knows of it
    last_named_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "name"], name="store_file_once")]

    def __str__(self) -> str:
        return self.name


class ClusterQuerySet(models.QuerySet["Cluster"]):
    def listed(self) -> Self:
        return self.select_related("store", "live__group", "marked_by")


class Cluster(models.Model):
    """Network servers that read one store at their start: published is what the store has, live is what they read."""

    class How(models.TextChoices):
        OPERATOR = "operator", "an operator said so"
        CALL = "call", "the deployment called after its restart"
        PROBE = "probe", "a probe found out"

    name = models.CharField(max_length=80, unique=True)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="clusters")
    token_sha256 = models.CharField(max_length=64, blank=True)  # of the call; empty: no call is accepted
    live = models.ForeignKey(Release, null=True, blank=True, on_delete=models.PROTECT, related_name="live_in")
    live_since = models.DateTimeField(null=True, blank=True)
    how = models.CharField(max_length=10, choices=How, blank=True)
    marked_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=clock.now)

    objects = ClusterQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ProbeQuerySet(models.QuerySet["Probe"]):
    def listed(self) -> Self:
        return self.select_related("cluster", "certificate__gateway", "certificate__authority", "certificate__key")


class Probe(models.Model):
    """A gateway's certificate that is shown to a cluster every few minutes: whether it is let in tells what is live."""

    class Answer(models.TextChoices):
        NONE = "", "Not asked yet"
        ACCEPTED = "accepted", "Lets it in"
        REFUSED = "refused", "Refuses it"
        SILENT = "silent", "Does not answer"

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="probes")
    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="+")
    address = models.CharField(max_length=200)  # host:port
    trust = models.TextField(blank=True)  # PEM that the server's certificate must lead to; empty: the system's
    answer = models.CharField(max_length=10, choices=Answer, blank=True, default=Answer.NONE)
    words = models.CharField(max_length=300, blank=True)  # of the answer
    asked_at = models.DateTimeField(null=True, blank=True)
    contradicts_since = models.DateTimeField(null=True, blank=True)  # no release explains what is answered
    created_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=clock.now)

    objects = ProbeQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["cluster", "certificate"], name="probe_once_per_certificate")]

    def __str__(self) -> str:
        return f"{self.certificate.gateway.eui} at {self.address}"


class RolloverQuerySet(models.QuerySet["Rollover"]):
    def open(self) -> Self:
        return self.filter(stopped_at__isnull=True)

    def listed(self) -> Self:
        return self.select_related("group", "old__vendor", "new", "started_by")


class Rollover(models.Model):
    """A vendor changes over from one authority to its successor in a group. Where it stands is read, never stored."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="rollovers")
    old = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    new = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    started_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField(default=clock.now)
    stopped_at = models.DateTimeField(null=True, blank=True)

    objects = RolloverQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["group", "old"], condition=Q(stopped_at__isnull=True), name="rollover_once_per_authority"
            )
        ]

    def __str__(self) -> str:
        return f"{self.old} to {self.new}"
