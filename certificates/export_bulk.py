"""The export of certificates as PostgreSQL writes it."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Case, F, Q, Value, When

from certificates.models import Certificate, CertificateQuerySet, Standing
from core import bulk
from gateways.models import SOON


def copied_rows(certificates: CertificateQuerySet, now: datetime) -> Iterator[bytes]:
    """The columns of the export, as lines of CSV from PostgreSQL: the twin of what the view makes of its first rows."""
    state = Case(
        When(revoked_at__isnull=False, then=Value(Standing.REVOKED.label)),
        When(not_after__lte=now, then=Value(Standing.EXPIRED.label)),
        When(is_superseded=True, then=Value(Standing.SUPERSEDED.label)),
        When(not_after__lte=now + SOON, then=Value(Standing.SOON.label)),
        default=Value(Standing.VALID.label),
    )
    # what the new owner wrote is none of the former one's business
    name = Case(When(Q(gateway__vendor_id=F("vendor_id")), then=F("gateway__name")), default=Value(""))
    origin = Case(*(When(origin=each, then=Value(each.label)) for each in Certificate.Origin))
    columns = certificates.annotate(
        shown=name, since=bulk.iso("not_before"), ends=bulk.iso("not_after"), state=state, words=origin
    )
    return bulk.copied_out(
        columns.values_list(
            "gateway__eui", "shown", "vendor__name", "authority__name", "serial", "since", "ends", "state", "words"
        )
    )
