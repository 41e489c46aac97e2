"""Alerts whose subject does not end any more, or whose end matters to nobody: closed, each with the reason."""

import uuid
from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When

from accounts.models import ApiToken
from alerts.kinds import Kind
from alerts.models import Alert
from alerts.watched import WATCHED
from cas.models import Authority
from certificates.models import Certificate, ServerCertificate

Reason = Alert.Reason
OTHERWISE = {Kind.LIST: Reason.RENEWED, Kind.SIGNER: Reason.RENEWED, Kind.JOB: Reason.RECOVERED}


def close(kind: Kind, now: datetime, run: uuid.UUID, *, but: uuid.UUID) -> int:
    """Close what is not watched any more, and return how many. Certificates that crossed in the run `but`, just now,
    are watched."""
    live = Alert.objects.of_kind(kind).live()
    if kind == Kind.CERTIFICATE:
        live = live.exclude(run=but)
    if not live.exists():
        return 0
    # a subquery with a limit is asked for each alert, by the subject's key; as a join all subjects would be read
    still = WATCHED[kind].still(now).filter(pk=OuterRef("subject_id")).order_by().values("pk")[:1]
    over = live.annotate(still=Subquery(still)).filter(still__isnull=True)
    return over.update(
        state=Alert.State.CLOSED,
        closed_at=now,
        closed_for=_reason(kind),
        snoozed_until=None,
        escalates_at=None,
        next_at=None,
        run=run,
    )


def _reason(kind: Kind) -> Case:
    """Why the subjects of this kind are not watched: the first that holds."""
    whens = [When(Exists(rows.filter(pk=OuterRef("subject_id"))), then=Value(why)) for rows, why in _reasons(kind)]
    return Case(*whens, default=Value(OTHERWISE.get(kind, Reason.GONE).value))


def _reasons(kind: Kind) -> "list[tuple[QuerySet[Any], str]]":
    certificates, servers = Certificate.objects.all(), ServerCertificate.objects.all()
    reasons: dict[Kind, list[tuple[QuerySet[Any], Reason]]] = {
        Kind.CERTIFICATE: [
            (certificates.filter(gateway__retired_at__isnull=False), Reason.RETIRED),
            (certificates.filter(revoked_at__isnull=False), Reason.REVOKED),
            (certificates.filter(~Q(vendor=F("gateway__vendor"))), Reason.MOVED),
            (certificates, Reason.RENEWED),
        ],
        Kind.AUTHORITY: [(Authority.objects.approved(), Reason.ENDED)],
        Kind.SERVER: [(servers.filter(revoked_at__isnull=False), Reason.REVOKED), (servers, Reason.RENEWED)],
        Kind.TOKEN: [
            (ApiToken.objects.filter(revoked_at__isnull=False), Reason.REVOKED),
            (ApiToken.objects.filter(owner__is_active=True), Reason.ENDED),
        ],
    }
    return [(rows, why.value) for rows, why in reasons.get(kind, [])]
