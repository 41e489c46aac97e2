"""The pages of servers: the list, the form, the certificate, and what is handed over."""

import csv as python_csv
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from io import StringIO
from typing import Any

import pytest
from django.test import Client

from accounts import reauthentication
from accounts.models import User
from cas.models import Authority, Signing
from certificates.models import Certificate, ServerCertificate
from certificates.services.server_certificates import ServerWish, create
from certificates.services.server_custody import confirm_receipt
from core import clock
from core.errors import Refused
from keys.models import Key
from tests.certificates.server_world import HOSTS
from tests.certificates.server_world import for_servers as for_servers
from tests.certificates.server_world import server as server
from tests.pki import makers
from trust.services.groups import add_to_group, common

pytestmark = pytest.mark.django_db(transaction=True)
ClientOf = Callable[[User], Client]


def text(answer: Any) -> str:
    return unescape(answer.content.decode())


def form(authority: Authority, **changes: str) -> dict[str, str]:
    """What the page sends."""
    sent = {
        "hosts": "LNS.fjordnet.example,\n *.lns.fjordnet.example 10.0.0.1.",
        "shape": "tls-server:200",
        "authority": str(authority.pk),
        "source": "made-here",
        "key_type": "P-256",
        "organisation": "Fjordnet",
        "country": "NO",
        "idempotency_key": "once",
    }
    return sent | changes


# the form


def test_a_filled_form_makes_a_certificate(for_servers: Authority, operator: User, client_of: ClientOf) -> None:
    sent = form(for_servers, hosts="LNS.fjordnet.example,\n *.lns.fjordnet.example 10.0.0.1")
    answer = client_of(operator).post("/servers/new/", sent)
    made = ServerCertificate.objects.get()
    assert answer["Location"] == f"/servers/{made.pk}/"
    assert made.hosts == ["lns.fjordnet.example", "*.lns.fjordnet.example", "10.0.0.1"]
    assert (made.names, made.lifetime_days) == ([["C", "NO"], ["O", "Fjordnet"]], 200)


def test_sent_twice_it_makes_one(for_servers: Authority, operator: User, client_of: ClientOf) -> None:
    client, sent = client_of(operator), form(for_servers, hosts="lns.fjordnet.example")
    places = {client.post("/servers/new/", sent)["Location"] for _ in range(2)}
    assert places == {f"/servers/{ServerCertificate.objects.get().pk}/"}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"hosts": ""}, "hosts", "required"),
        ({"hosts": "local_host.example"}, "hosts", "neither a DNS name nor an IP address"),
        ({"hosts": "a.example", "country": "no"}, "organisation", "two capital letters"),
        ({"hosts": "a.example", "source": "csr"}, "csr", "Paste the CSR"),
        ({"hosts": "a.example", "key_type": ""}, "key_type", "Choose the type"),
        ({"hosts": "a.example", "shape": "tls-server:7"}, "shape", "valid choice"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    changes: dict[str, str], field: str, words: str, for_servers: Authority, operator: User, client_of: ClientOf
) -> None:
    page = text(client_of(operator).post("/servers/new/", form(for_servers, **changes)))
    found = re.search(rf'id="id_{field}_error".*?<span>(.*?)</span>', page, re.DOTALL)
    assert found is not None, page
    assert words in found[1]
    assert not ServerCertificate.objects.exists()


def test_a_private_key_in_the_paste_is_refused_and_not_shown_again(
    for_servers: Authority, operator: User, client_of: ClientOf
) -> None:
    leaked = makers.private_pem(makers.p256_key("server")).decode()
    sent = form(for_servers, hosts="a.example", source="csr", csr=leaked)
    page = text(client_of(operator).post("/servers/new/", sent))
    assert "private key" in page
    assert leaked.splitlines()[1] not in page


def test_the_names_in_a_csr_are_a_proposal(for_servers: Authority, operator: User, client_of: ClientOf) -> None:
    csr = makers.to_pem(makers.make_csr("cups.fjordnet.example"), "CERTIFICATE REQUEST").decode()
    sent = form(for_servers, hosts="bad_name.example", source="csr", csr=csr)
    page = text(client_of(operator).post("/servers/new/", sent))
    assert "The CSR also names" in page
    assert "cups.fjordnet.example" in page


def test_without_an_authority_the_page_says_where_to_make_one(operator: User, client_of: ClientOf) -> None:
    page = text(client_of(operator).get("/servers/new/"))
    assert "No authority issues for servers yet" in page
    assert "/authorities/operate/?kind=issuing&for=servers" in page


def test_an_issuing_authority_is_made_for_servers(operator: User, issuing: Authority, client_of: ClientOf) -> None:
    plan = {
        "kind": "issuing", "parent": str(issuing.parent_id), "name": "Servers G1", "key_type": "P-256",
        "years": "5", "path_length": "0", "issues_for": "servers", "provider": "sealed",
    }  # fmt: skip
    client_of(operator).post("/authorities/operate/", plan)
    made = Authority.objects.get(name="Servers G1")
    assert (made.for_servers, made.for_gateways) == (True, False)
    page = text(client_of(operator).get(f"/authorities/{made.pk}/"))
    assert "Servers</b>" in page
    assert "its gateways" not in page


def test_a_policy_of_a_vendor_offers_no_authority_for_servers(
    for_servers: Authority, vendor: Any, operator: User, client_of: ClientOf
) -> None:
    assert for_servers.name not in text(client_of(operator).get(f"/vendors/{vendor.pk}/issuing/"))


def test_no_gateway_is_offered_it_nor_trusted_by_it(
    for_servers: Authority, issuing: Authority, operator: User, client_of: ClientOf
) -> None:
    client = client_of(operator)
    for path in ("/gateways/", "/certificates/", "/trust/rollovers/"):
        page = text(client.get(path))
        assert f">{for_servers.name}</option>" not in page, path
    with pytest.raises(Refused) as refused:
        add_to_group(operator, common(), for_servers)
    assert refused.value.code == "not-for-gateways"
    assert f"{issuing.name} is not trusted yet" in text(client.get("/"))  # of one that waits, not of two


def test_one_like_it_is_filled_in(server: ServerCertificate, operator: User, client_of: ClientOf) -> None:
    page = text(client_of(operator).get(f"/servers/new/?like={server.pk}"))
    assert "\n".join(HOSTS) in page
    assert 'value="Bergen"' in page
    assert client_of(operator).get("/servers/new/?like=999999").status_code == 404


# the list


@pytest.fixture
def several(for_servers: Authority, operator: User) -> dict[str, ServerCertificate]:
    """One in each state."""
    wishes = {
        name: ServerWish((f"{name}.example",), "tls-server", 365, key_type="P-256")
        for name in ("valid", "due", "expired", "revoked")
    }
    made = {name: create(operator, for_servers, wish, idempotency_key=name) for name, wish in wishes.items()}
    now = clock.now()
    rows = ServerCertificate.objects
    rows.filter(pk=made["due"].pk).update(renew_from=now - timedelta(days=1))
    rows.filter(pk=made["expired"].pk).update(not_after=now - timedelta(days=1))
    rows.filter(pk=made["revoked"].pk).update(revoked_at=now)
    return made


@pytest.mark.parametrize("state", ["valid", "due", "expired", "revoked"])
def test_the_list_and_its_export_are_filtered(
    state: str, several: dict[str, ServerCertificate], operator: User, client_of: ClientOf
) -> None:
    client = client_of(operator)
    page = text(client.get("/servers/", {"state": state}))
    assert re.findall(r'href="/servers/\d+/">([a-z]+)\.example', page) == [state]
    answer = client.get("/servers/export.csv", {"state": state})
    rows = list(python_csv.DictReader(StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]  # a stream
    assert [row["Host"] for row in rows] == [f"{state}.example"]


def test_it_is_found_by_a_part_of_any_host_and_by_serial(
    server: ServerCertificate, several: dict[str, ServerCertificate], auditor: User, client_of: ClientOf
) -> None:
    for words in ("LNS.fjord", "2001:db8", server.serial.upper()):
        page = text(client_of(auditor).get("/servers/", {"q": words}))
        assert re.findall(r'href="/servers/(\d+)/"', page) == [str(server.pk)], words


def test_the_search_of_everything_finds_it(
    server: ServerCertificate, operator: User, vendor_user: User, client_of: ClientOf
) -> None:
    assert f"/servers/{server.pk}/" in text(client_of(operator).get("/search/", {"q": "lns.fjordnet"}))
    assert "/servers/" not in text(client_of(vendor_user).get("/search/", {"q": "lns.fjordnet"}))


def test_gateways_lists_do_not_show_servers(server: ServerCertificate, operator: User, client_of: ClientOf) -> None:
    assert not Certificate.objects.exists()
    assert HOSTS[0] not in text(client_of(operator).get("/certificates/"))


# the certificate


def test_the_page_shows_what_it_is(server: ServerCertificate, auditor: User, client_of: ClientOf) -> None:
    page = text(client_of(auditor).get(f"/servers/{server.pk}/"))
    for words in (*HOSTS, "Bergen", "tls-server, version 1", "364 days left", "Fjordnet Servers", "Full chain"):
        assert words in page, words
    for act in ("/revoke/", "/renew/", "/key/", "/receipt/"):
        assert act not in page


def test_an_unfinished_one_says_so(server: ServerCertificate, operator: User, client_of: ClientOf) -> None:
    nothing = {"der": None, "sha256": None, "not_before": None, "not_after": None, "renew_from": None}
    ServerCertificate.objects.update(**nothing)
    Signing.objects.filter(pk=server.signing_id).update(state="reserved", der=None)
    client = client_of(operator)
    assert "Its signature was begun" in text(client.get(f"/servers/{server.pk}/"))
    assert client.get(f"/servers/{server.pk}/files/cert.pem").status_code == 404
    assert "Being signed" in text(client.get("/servers/"))


def test_files_have_the_names_of_their_host(server: ServerCertificate, operator: User, client_of: ClientOf) -> None:
    client = client_of(operator)
    answer = client.get(f"/servers/{server.pk}/files/fullchain.pem")
    assert answer["Content-Disposition"] == 'attachment; filename="lns.fjordnet.example-fullchain.pem"'
    assert answer.content.count(b"BEGIN CERTIFICATE") == 2
    assert client.get(f"/servers/{server.pk}/files/key.pem").status_code == 404


def test_the_key_is_handed_out_until_receipt(
    server: ServerCertificate, operator: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(operator)
    assert client.post(f"/servers/{server.pk}/key/")["Location"].startswith("/account/again/")
    monkeypatch.setattr(reauthentication, "recently", lambda request: True)
    answer = client.post(f"/servers/{server.pk}/key/")
    assert answer.content.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert "no-store" in answer["Cache-Control"]
    client.post(f"/servers/{server.pk}/receipt/")
    assert Key.objects.get(purpose="server").destroyed_at is not None
    assert client.post(f"/servers/{server.pk}/key/").status_code == 409


def test_it_is_renewed_with_one_click(server: ServerCertificate, operator: User, client_of: ClientOf) -> None:
    client = client_of(operator)
    places = {client.post(f"/servers/{server.pk}/renew/")["Location"] for _ in range(2)}
    later = ServerCertificate.objects.exclude(pk=server.pk).get()
    assert places == {f"/servers/{later.pk}/"}


def test_renewed_by_another_authority_where_the_old_one_is_over(
    server: ServerCertificate, operator: User, client_of: ClientOf
) -> None:
    Authority.objects.filter(pk=server.authority_id).update(not_after=clock.now())
    answer = client_of(operator).post(f"/servers/{server.pk}/renew/")
    assert answer.status_code == 409
    assert "does not issue for servers now" in text(answer)


def test_it_is_revoked_after_the_page_said_who_honours_it(
    server: ServerCertificate, operator: User, client_of: ClientOf
) -> None:
    client, path = client_of(operator), f"/servers/{server.pk}/revoke/"
    assert "Gateways do not honour it" in text(client.get(path))
    client.post(path, {"reason": "keyCompromise"})
    server.refresh_from_db()
    assert server.revocation_reason == "keyCompromise"
    assert "Revoked on" in text(client.get(f"/servers/{server.pk}/"))


def test_after_receipt_the_page_says_that_the_key_is_gone(
    server: ServerCertificate, operator: User, client_of: ClientOf
) -> None:
    confirm_receipt(server, actor=operator)
    assert "receipt was confirmed on" in text(client_of(operator).get(f"/servers/{server.pk}/"))
