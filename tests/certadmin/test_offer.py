"""The welcome page's offer of the demonstration."""

from collections.abc import Callable

from django.test import Client

from accounts.models import User, Vendor
from certadmin.demonstration import progress
from certadmin.tasks import load_demonstration

ClientOf = Callable[[User], Client]
ADDRESS = "/demonstration/"


def _text(client: Client) -> str:
    return client.get(ADDRESS, headers={"HX-Request": "true"}).content.decode()


def test_an_empty_desk_is_offered_it(client_of: ClientOf, operator: User) -> None:
    assert "Load the demonstration" in _text(client_of(operator))


def test_a_desk_with_vendors_is_told_why_not(client_of: ClientOf, operator: User, vendor: Vendor) -> None:
    client = client_of(operator)
    assert "There are vendors here already" in _text(client)
    client.post(ADDRESS)
    assert not progress.now().is_loading


def test_two_clicks_load_it_once(client_of: ClientOf, operator: User) -> None:
    client = client_of(operator)
    assert client.post(ADDRESS).status_code == 302
    assert "follows by itself" in _text(client)
    assert not progress.begin()


def test_a_failure_is_said(client_of: ClientOf, operator: User, vendor: Vendor) -> None:
    """Fails when the task lets the refusal pass."""
    Vendor.objects.filter(pk=vendor.pk).update(name="Somebody real")
    progress.begin()
    load_demonstration()
    assert "empty trial desk" in _text(client_of(operator))


def test_production_does_not_have_it(client_of: ClientOf, operator: User, settings: object) -> None:
    settings.PRODUCTION = True  # type: ignore[attr-defined]
    assert client_of(operator).get(ADDRESS).status_code == 404
