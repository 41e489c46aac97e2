"""What was noticed and mailed before there were alerts is kept: nothing is told again, nothing is news."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from accounts.models import User, Vendor
from alerts.models import Alert, Delivery, Notice
from alerts.services.notices import send_due
from core import clock
from tests.alerts.rows import DAY, NOW, YEAR, authority, certificate, gateway

BEFORE = ("alerts", "0002_servers")


def migrate(target: tuple[str, str]) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate([target])
    return executor.loader.project_state([target]).apps


@pytest.mark.django_db(transaction=True)
def test_notices_become_alerts_and_their_mails_were_told(operator: User, vendor: Vendor) -> None:
    by, ending, renewed = authority(vendor, left=9 * YEAR), gateway(vendor, name="Mast"), gateway(vendor)
    open_one, old = certificate(ending, by, left=5 * DAY), certificate(renewed, by, left=5 * DAY)
    certificate(renewed, by, left=300 * DAY)
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes("alerts")[0]
    apps = migrate(BEFORE)
    try:
        notices, deliveries = apps.get_model("alerts", "Notice").objects, apps.get_model("alerts", "Delivery").objects
        for subject, threshold, days in ((open_one, "14d", 14), (open_one, "7d", 7), (old, "7d", 7)):
            notice = notices.create(
                subject_kind="certificate", subject_id=subject.pk, threshold=threshold, subject_name="EUI",
                vendor_id=vendor.pk, not_after=subject.not_after, crossed_at=subject.not_after - days * DAY,
                noticed_at=NOW - days * DAY, run=uuid.uuid4(),
            )  # fmt: skip
            deliveries.create(notice=notice, recipient=operator.email, message_key=f"due-notices:{notice.pk}")
    finally:
        migrate(newest)
    alert = Alert.objects.get(subject_id=open_one.pk)
    assert (alert.state, alert.threshold, alert.label, alert.gateway) == ("open", "7d", "Mast", ending)
    assert (alert.authority, alert.renew_by) == (by, open_one.not_after - 90 * DAY)
    assert Alert.objects.get(subject_id=old.pk).closed_for == "renewed"
    assert set(Delivery.objects.values_list("state", flat=True)) == {"told"}
    with clock.at(NOW):
        assert send_due().mails == 0
    assert Notice.objects.count() == 3
