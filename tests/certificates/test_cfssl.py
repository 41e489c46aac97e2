"""Files of cfssl, by the page and by the command: nothing is made before it was shown."""

import json
import re
from collections.abc import Callable
from html import unescape
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from cas.models import Authority, ProfileVersion
from cas.services.operate import Plan, create_root
from cas.services.profiles import current_profile
from certificates.models import ServerCertificate
from certificates.services.ledger import check_ledger
from pki.facts import read_certificate
from tests.certificates.server_world import for_servers as for_servers
from tests.pki import makers
from tests.pki.test_cfssl import CA_JSON, CERT_JSON, NAMES

pytestmark = pytest.mark.django_db(transaction=True)
ClientOf = Callable[[User], Client]
PATH = "/servers/cfssl/"
SUBJECT = "O=The Things Demo,L=Amsterdam,ST=Noord-Holland,C=NL"
CONFIG = json.dumps(
    {
        "signing": {
            "profiles": {
                "www": {"usages": ["signing", "server auth"], "expiry": "8760h"},
                "client": {"usages": ["signing", "client auth"], "expiry": "8760h", "backdate": "1h"},
                "intermediate": {"usages": ["server auth"], "expiry": "43800h", "ca_constraint": {"is_ca": True}},
            }
        }
    }
).encode()


def text(answer: Any) -> str:
    return unescape(answer.content.decode())


def filled(page: str) -> dict[str, str]:
    """What the form of the page would send."""
    form = page[page.index('<div class="c-cols">') :]
    sent = dict(re.findall(r'<input type="(?:text|number|hidden)" name="(\w+)" value="([^"]*)"', form))
    sent |= {name: value.strip() for name, value in re.findall(r'<textarea name="(\w+)"[^>]*>([^<]*)<', form)}
    for name, options in re.findall(r'<select name="(\w+)".*?>(.*?)</select>', form, re.DOTALL):
        chosen = re.findall(r'<option value="([^"]*)" selected', options)
        sent[name] = (chosen or re.findall(r'<option value="([^"]*)"', options))[0]
    sent |= dict(re.findall(r'<input type="radio" name="(\w+)" value="([^"]*)"[^>]* checked', form))
    return {name: value for name, value in sent.items() if name != "csrfmiddlewaretoken"}


# the page


def test_the_guides_files_become_an_authority_and_a_certificate_of_it(operator: User, client_of: ClientOf) -> None:
    client = client_of(operator)
    page = client.post(PATH, {"pasted": CA_JSON.decode(), "kind": "auto"}).content.decode()
    assert "cfssl does without a common name" in unescape(page)
    assert not Authority.objects.exists()
    sent = {name: unescape(value) for name, value in filled(page).items()}
    assert sent["name"] == "The Things Demo"
    answer = client.post(PATH, sent | {"with_servers": "on"})
    below = Authority.objects.get(name="The Things Demo Servers")
    assert answer["Location"] == f"/authorities/{below.pk}/"
    assert below.parent is not None
    assert below.parent.subject == f"CN=The Things Demo,{SUBJECT}"
    assert (below.for_servers, below.for_gateways) == (True, False)

    page = client.post(PATH, {"file": SimpleUploadedFile("cert.json", CERT_JSON)}).content.decode()
    assert "signing.default" in page
    assert not ServerCertificate.objects.exists()
    client.post("/servers/new/", {name: unescape(value) for name, value in filled(page).items()})
    row = ServerCertificate.objects.get()
    assert read_certificate(bytes(row.der or b"")).subject == f"CN=thethings.example.com,{SUBJECT}"
    assert check_ledger().certificates == 1


def test_a_root_alone_is_made_where_that_is_chosen(operator: User, client_of: ClientOf) -> None:
    client = client_of(operator)
    sent = filled(client.post(PATH, {"pasted": CA_JSON.decode()}).content.decode())
    client.post(PATH, {name: unescape(value) for name, value in sent.items()})
    assert [each.is_root for each in Authority.objects.all()] == [True]


def test_what_the_service_refuses_stands_beside_its_field(operator: User, client_of: ClientOf) -> None:
    create_root(operator, Plan("Demo", "", "P-256", 20, 1))
    client = client_of(operator)
    sent = filled(client.post(PATH, {"pasted": '{"CN": "Demo"}'}).content.decode())
    page = text(client.post(PATH, {name: unescape(value) for name, value in sent.items()}))
    assert re.search(r'id="id_name_error".*?is operated here already', page, re.DOTALL)
    assert "ca.pathlen" in page  # and what was said stays there
    assert Authority.objects.count() == 1


def test_profiles_are_chosen_and_made(operator: User, client_of: ClientOf) -> None:
    client = client_of(operator)
    page = client.post(PATH, {"pasted": CONFIG.decode()}).content.decode()
    assert "signing.profiles.client.backdate" in page
    assert re.findall(r'value="(\w[\w-]*)"[^>]* checked', page) == ["www", "client"]
    assert not ProfileVersion.objects.exists()
    content = unescape(filled(page)["content"])
    client.post(PATH, {"step": "profiles", "content": content, "chosen": ["www", "client"]})
    assert set(ProfileVersion.objects.values_list("name", "version")) == {("www", 1), ("client", 1)}
    client.post(PATH, {"step": "profiles", "content": content, "chosen": ["www", "server-issuing"]})
    assert set(ProfileVersion.objects.values_list("name", "version")) == {
        ("www", 1),
        ("client", 1),
        ("server-issuing", 2),
    }
    assert current_profile("server-issuing").days == (1825,)


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("", "Choose the file"),
        ("{", "not JSON in line 1"),
        ('{"hosts": 7}', "hosts must be a list"),
        ("[]", "an object"),
    ],
)
def test_what_cannot_be_read_is_said_beside_the_field(
    pasted: str, words: str, operator: User, client_of: ClientOf
) -> None:
    page = text(client_of(operator).post(PATH, {"pasted": pasted}))
    assert words in page
    assert 'id="id_pasted_error"' in page


def test_a_private_key_is_refused_and_not_shown_again(operator: User, client_of: ClientOf) -> None:
    leaked = makers.private_pem(makers.p256_key("server")).decode()
    page = text(client_of(operator).post(PATH, {"pasted": json.dumps({"CN": "Demo", "key": leaked})}))
    assert "holds a private key" in page
    assert leaked.splitlines()[1] not in page


def test_a_changed_content_is_refused_and_makes_nothing(operator: User, client_of: ClientOf) -> None:
    for step in ("profiles", "authority"):
        assert client_of(operator).post(PATH, {"step": step, "content": "nonsense"}).status_code == 409
    assert not Authority.objects.exists()


def test_only_operators_come_here(auditor: User, vendor_user: User, client_of: ClientOf) -> None:
    for person in (auditor, vendor_user):
        assert client_of(person).post(PATH, {"pasted": CA_JSON.decode()}).status_code == 403


# the command


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    contents = {"ca": CA_JSON, "cert": CERT_JSON, "config": CONFIG}
    for name, content in contents.items():
        (tmp_path / f"{name}.json").write_bytes(content)
    return {name: str(tmp_path / f"{name}.json") for name in contents}


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("import_cfssl", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_says_what_becomes_and_makes_nothing(files: dict[str, str], operator: User) -> None:
    said = command(files["ca"], files["cert"], files["config"], "--name", "Demo Root")
    assert "the root Demo Root (C=NL, ST=Noord-Holland, L=Amsterdam, O=The Things Demo): P-256, 5 years" in said
    assert "the certificate of thethings.example.com" in said
    assert "! CN is not given: cfssl makes no common name then" in said
    assert said.endswith("Nothing was made. Add --yes to make it.\n")
    assert not Authority.objects.exists()


def test_the_command_asks_for_a_name(files: dict[str, str], operator: User) -> None:
    with pytest.raises(CommandError, match="--name 'The Things Demo'"):
        command(files["ca"], "--yes")


def test_the_command_makes_it_all(files: dict[str, str], operator: User) -> None:
    said = command(files["ca"], files["cert"], files["config"], "--name", "Demo Root", "--yes")
    row = ServerCertificate.objects.select_related("authority").get()
    assert (row.authority.name, row.hosts, row.requested_by) == (
        "Demo Root Servers",
        ["thethings.example.com"],
        operator,
    )
    assert tuple((name, value) for name, value in row.names) == NAMES
    assert f"/servers/{row.pk}/" in said
    assert ProfileVersion.objects.count() == 3
    assert check_ledger().unexplained == 0


def test_the_command_run_again_makes_the_same_certificate(
    files: dict[str, str], for_servers: Authority, operator: User
) -> None:
    for _ in range(2):
        command(files["cert"], "--yes", "--authority", for_servers.name, "--as", operator.email.upper())
    assert ServerCertificate.objects.count() == 1


def test_the_command_wants_to_know_who_does_it_and_who_signs(
    files: dict[str, str], operator: User, second_operator: User
) -> None:
    with pytest.raises(CommandError, match="--as EMAIL"):
        command(files["cert"], "--yes")
    with pytest.raises(CommandError, match="No operator has the address"):
        command(files["cert"], "--yes", "--as", "nobody@example.com")
    with pytest.raises(CommandError, match="These issue for servers: none"):
        command(files["cert"], "--yes", "--as", operator.email)


def test_the_command_names_the_file_that_is_wrong(tmp_path: Path, operator: User) -> None:
    (tmp_path / "bad.json").write_text('{"hosts": 7}')
    with pytest.raises(CommandError, match=r"bad\.json: hosts must be a list"):
        command(str(tmp_path / "bad.json"))
    with pytest.raises(CommandError, match="No such file"):
        command(str(tmp_path / "none.json"))


def test_the_command_takes_a_request_for_an_authoritys(files: dict[str, str], operator: User) -> None:
    assert "the root Demo" in command(files["cert"], "--ca", "--name", "Demo")
