"""Published is not live: which release the network servers of a cluster have really read."""

from django.db import IntegrityError, transaction
from django.utils.crypto import constant_time_compare

from accounts.models import User
from accounts.services.tokens import hash_of, new_token
from audit.services import Machine, record
from core import clock
from core.errors import Refused
from trust.models import Cluster, Release, Store
from trust.services.groups import common, refuse_unless_operator


def create_cluster(actor: User, name: str, store: Store) -> tuple[Cluster, str]:
    """Name a cluster that reads `store`; return it and the token of its call, which is shown once."""
    refuse_unless_operator(actor)
    token, digest = new_token()
    try:
        with transaction.atomic():
            cluster = Cluster.objects.create(name=name.strip(), store=store, token_sha256=digest)
            record(actor, "cluster.created", subject=cluster, store=store.name)
    except IntegrityError as error:
        raise Refused("name-taken", "Another cluster has this name.", field="name") from error
    return cluster, token


def renew_token(actor: User, cluster: Cluster) -> str:
    """Make a new token; the old one is refused from now on."""
    refuse_unless_operator(actor)
    token, digest = new_token()
    with transaction.atomic():
        Cluster.objects.filter(pk=cluster.pk).update(token_sha256=digest)
        record(actor, "cluster.token-renewed", subject=cluster)
    return token


def delete_cluster(actor: User, cluster: Cluster) -> None:
    refuse_unless_operator(actor)
    with transaction.atomic():
        record(actor, "cluster.deleted", subject=cluster)
        cluster.delete()


def mark_live(actor: User, cluster: Cluster, release: Release) -> Cluster:
    """An operator says that the cluster has read `release`: it was restarted since that reached its store."""
    refuse_unless_operator(actor)
    _refuse_unread(cluster, release)
    return _mark(actor, cluster, release, Cluster.How.OPERATOR)


def mark_found(cluster: Cluster, release: Release) -> Cluster:
    """A probe found out that the cluster has read `release`, or a later one that a probe cannot tell from it."""
    return _mark(Machine("probe", cluster.name), cluster, release, Cluster.How.PROBE)


def called(token: str) -> Cluster | None:
    """The deployment says that its servers have just started: what their store holds is live. None: no such token."""
    digest = hash_of(token)
    cluster = Cluster.objects.listed().filter(token_sha256=digest).exclude(token_sha256="").first()
    if cluster is None or not constant_time_compare(cluster.token_sha256, digest):
        return None
    if cluster.store.state == Store.State.NEWER:
        raise Refused("newer-release", "The store of this cluster holds a newer release than this database knows.")
    release = cluster.store.holds(common())
    if release is None:
        raise Refused("nothing-published", "The store of this cluster holds no release yet.")
    return _mark(Machine("call", cluster.name), cluster, release, Cluster.How.CALL)


def _refuse_unread(cluster: Cluster, release: Release) -> None:
    """Only what reached the store can have been read from it."""
    written = cluster.store.publications.ever_done().filter(release=release)
    if not written.exists():
        message = f"Release {release.number} has not reached store {cluster.store.name}, so nothing can have read it."
        raise Refused("not-in-its-store", message)


def _mark(actor: User | Machine, cluster: Cluster, release: Release, how: str) -> Cluster:
    person = actor if isinstance(actor, User) else None
    with transaction.atomic():
        marked = {"live": release, "live_since": clock.now(), "how": how, "marked_by": person}
        Cluster.objects.filter(pk=cluster.pk).update(**marked)
        record(actor, "release.live", subject=release, cluster=cluster.name, how=how)
    return Cluster.objects.listed().get(pk=cluster.pk)
