"""What was noticed before becomes alerts: one for each subject, by its newest notice. All of it was told."""

import uuid
from datetime import timedelta

from django.db import migrations
from django.db.models import DateTimeField, Exists, ExpressionWrapper, F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

LONG, QUARTER_YEAR = timedelta(days=180), timedelta(days=90)
CHUNK = 1000


def fill(apps, schema_editor):
    notices, alerts = apps.get_model("alerts", "Notice").objects, apps.get_model("alerts", "Alert").objects
    nearer = notices.filter(
        subject_kind=OuterRef("subject_kind"), subject_id=OuterRef("subject_id"), crossed_at__gt=OuterRef("crossed_at")
    )
    newest = notices.filter(~Exists(nearer)).order_by("pk")
    made = []
    for notice in newest.iterator(chunk_size=CHUNK):
        made.append(_alert(alerts.model, notice))
        if len(made) == CHUNK:
            alerts.bulk_create(made)
            made = []
    alerts.bulk_create(made)
    mine = alerts.filter(kind=OuterRef("subject_kind"), subject_id=OuterRef("subject_id"))
    notices.update(alert=Subquery(mine.values("pk")[:1]))
    _complete(apps, alerts)
    apps.get_model("alerts", "Delivery").objects.exclude(message_key="").update(state="told")


def _alert(model, notice):
    return model(
        kind=notice.subject_kind,
        subject_id=notice.subject_id,
        name=notice.subject_name,
        vendor_id=notice.vendor_id,
        not_after=notice.not_after,
        renew_by=notice.not_after - QUARTER_YEAR,
        threshold=notice.threshold,
        crossed_at=notice.crossed_at,
        noticed_at=notice.noticed_at,
        opened_at=notice.noticed_at,
        run=uuid.uuid4(),
    )


def _complete(apps, alerts):
    """What the notices did not hold; and what ended otherwise is closed, so that nobody is told of it now."""
    certificate = apps.get_model("certificates", "Certificate")
    subject = certificate.objects.filter(pk=OuterRef("subject_id"))
    certificates = alerts.filter(kind="certificate")
    certificates.update(
        authority_id=Subquery(subject.values("authority_id")[:1]),
        gateway_id=Subquery(subject.values("gateway_id")[:1]),
        label=Coalesce(Subquery(subject.values("gateway__name")[:1]), Value("")),
    )
    for kind, model in (("certificate", certificate), ("server", apps.get_model("certificates", "ServerCertificate"))):
        third = ExpressionWrapper(F("not_after") - (F("not_after") - F("not_before")) / 3, output_field=DateTimeField())
        short = model.objects.filter(pk=OuterRef("subject_id"), not_after__lte=F("not_before") + LONG)
        alerts.filter(Exists(short), kind=kind).update(renew_by=Subquery(short.values(third=third)[:1]))
    alerts.filter(kind="authority").update(authority_id=F("subject_id"))
    revoked = subject.filter(revoked_at__isnull=False)
    later = certificate.objects.filter(
        gateway=OuterRef("gateway"), vendor=OuterRef("vendor"), not_after__gt=OuterRef("not_after"), revoked_at=None
    )
    gone = certificates.filter(~Exists(subject.filter(vendor=F("gateway__vendor"))))
    for rows, reason in (
        (certificates.filter(Exists(revoked)), "revoked"),
        (certificates.filter(Exists(later)), "renewed"),
        (gone, "gone"),
    ):
        rows.filter(state="open").update(state="closed", closed_at=F("noticed_at"), closed_for=reason)
    ended = alerts.filter(kind="authority", state="open", threshold="expired", authority__current_gateways=None)
    alerts.filter(pk__in=ended.values("pk")).update(state="closed", closed_at=F("noticed_at"), closed_for="ended")


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0003_alerts"),
        ("certificates", "0011_handed_over"),
    ]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
