"""Which release the servers of a cluster have read: said by an operator or by the deployment, never guessed."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from audit.models import Record
from cas.models import Authority
from core.errors import Forbidden, Refused
from trust.models import Cluster, Group, Release, Store
from trust.services import live
from trust.services.releases import publish_release
from trust.tasks import publish

ClientOf = Callable[[User], Client]


@pytest.fixture
def stored(operator: User, group: Group, trusted: Authority, directory: Store) -> Release:
    release = publish_release(operator, group)
    publish(release.publications.get().pk)
    return release


@pytest.fixture
def cluster(operator: User, directory: Store) -> tuple[Cluster, str]:
    return live.create_cluster(operator, "eu1", directory)


def _call(token: str) -> tuple[int, dict[str, object]]:
    answer = Client().post("/trust/live/", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json()


def test_an_operator_marks_what_the_servers_have_read(
    operator: User, stored: Release, cluster: tuple[Cluster, str]
) -> None:
    marked = live.mark_live(operator, cluster[0], stored)
    assert (marked.live, marked.marked_by, marked.how) == (stored, operator, Cluster.How.OPERATOR)


def test_what_never_reached_the_store_cannot_be_live(
    operator: User, group: Group, stored: Release, cluster: tuple[Cluster, str]
) -> None:
    with pytest.raises(Refused, match="has not reached store"):
        live.mark_live(operator, cluster[0], publish_release(operator, group))


def test_the_deployment_says_by_itself_that_its_servers_started(stored: Release, cluster: tuple[Cluster, str]) -> None:
    status, said = _call(cluster[1])
    assert (status, said) == (200, {"cluster": "eu1", "group": "common", "live": 1})
    assert Cluster.objects.get().live == stored
    assert Record.objects.get(action="release.live").actor_name == "eu1"


@pytest.mark.parametrize("token", ["", "wrong", "é" * 20, "x" * 10_000])
def test_an_unknown_token_changes_nothing(stored: Release, cluster: tuple[Cluster, str], token: str) -> None:
    assert _call(token.encode("latin-1", "replace").decode("latin-1"))[0] == 401
    assert Cluster.objects.get().live is None


def test_a_renewed_token_replaces_the_old_one(operator: User, stored: Release, cluster: tuple[Cluster, str]) -> None:
    new = live.renew_token(operator, cluster[0])
    assert _call(cluster[1])[0] == 401
    assert _call(new)[0] == 200


def test_a_token_is_in_the_database_only_as_its_hash(cluster: tuple[Cluster, str]) -> None:
    """Row 21. Falls with: keeping the token itself."""
    row = Cluster.objects.values().get()
    assert cluster[1] not in str(row)
    assert cluster[1] not in str(list(Record.objects.values()))


def test_a_call_before_the_first_release_is_told_so(cluster: tuple[Cluster, str]) -> None:
    status, said = _call(cluster[1])
    assert (status, said["code"]) == (409, "nothing-published")


def test_only_operators_name_clusters(auditor: User, directory: Store) -> None:
    with pytest.raises(Forbidden):
        live.create_cluster(auditor, "eu1", directory)


def test_the_token_is_shown_once(operator: User, directory: Store, client_of: ClientOf) -> None:
    client = client_of(operator)
    page = client.post("/trust/clusters/new/", {"name": "eu1", "store": directory.pk}).content.decode()
    assert "shown this once" in page
    assert "shown this once" not in client.get("/trust/clusters/").content.decode()


def test_the_page_of_a_release_marks_it_live(
    operator: User, stored: Release, cluster: tuple[Cluster, str], client_of: ClientOf
) -> None:
    client = client_of(operator)
    assert "Mark live" in client.get(f"/trust/releases/{stored.pk}/").content.decode()
    client.post(f"/trust/clusters/{cluster[0].pk}/live/{stored.pk}/")
    assert "Mark live" not in client.get(f"/trust/releases/{stored.pk}/").content.decode()
