"""Publishing and checking, in the background. Each may run twice, late, or on two machines at once."""

from celery import shared_task

from audit.services import beat
from core import clock
from core.bell import ring
from outbox.tasks import send_due
from trust.models import Cluster, Publication, Store
from trust.services import publication
from trust.services.checking import check_store
from trust.services.probing import ask_cluster


@shared_task(name="trust.tasks.publish")
def publish(publication_id: int) -> None:
    publication.publish(publication_id)
    ring(send_due)


@shared_task(name="trust.tasks.sweep")
def sweep() -> None:
    """Find publications that nobody was told of, whose worker died, or whose time to try again has come."""
    due = Publication.objects.due(clock.now()).order_by("store").values_list("store", flat=True).distinct()
    for store_id in due:
        publication.publish_to(store_id)
    publication.follow_lists()
    ring(send_due)
    beat("sweep publications")


@shared_task(name="trust.tasks.check_stores")
def check_stores() -> None:
    for store_id in Store.objects.values_list("pk", flat=True):
        repair = check_store(store_id)
        if repair:
            ring(publish, repair.pk)
    ring(send_due)
    beat("check the stores")


@shared_task(name="trust.tasks.ask_clusters")
def ask_clusters() -> None:
    for cluster in Cluster.objects.listed().filter(probes__isnull=False).distinct():
        ask_cluster(cluster)
    ring(send_due)
    beat("ask the clusters")
