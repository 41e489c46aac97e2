"""The pages of imports."""

import csv
import io
from collections.abc import Callable, Iterator

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User, Vendor
from core import bell
from gateways.models import Gateway, Import, WorkFile, WorkPart
from gateways.services import imports
from tests.gateways.importing import checked, hand_in, lines, worked
from tests.pki import makers

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/gateways/import/"
ClientOf = Callable[[User], Client]


@pytest.fixture
def client(client_of: ClientOf, vendor_user: User) -> Client:
    return client_of(vendor_user)


def upload(client: Client, content: str | bytes, name: str = "gateways.csv", **fields: object) -> object:
    raw = content.encode() if isinstance(content, str) else content
    return client.post(PAGE, {"idempotency_key": "k", "file": SimpleUploadedFile(name, raw), **fields})


def of(name: str, made: Import) -> str:
    return reverse(f"gateways:{name}", args=[made.pk])


def test_a_vendor_imports_its_gateways(client: Client, vendor: Vendor) -> None:
    with bell.in_process():
        assert "No import yet" in client.get(PAGE).content.decode()
        response = upload(client, lines(3) + "nonsense,,,\n")
        made = Import.objects.get()
        assert response["Location"] == of("import", made)  # type: ignore[index]  # a response
        page = client.get(of("import", made)).content.decode()
        assert "58A0CBFFFE000000" in page
        assert '<option value="0" selected>eui</option>' in page
        client.post(of("check_import", made), {"eui": "0", "name": "1", "model": "2", "tags": "3"})
        page = client.get(of("import", made)).content.decode()
        assert "Import 3 gateways, leave out 1 line" in page
        assert not Gateway.objects.exists()
        client.post(of("apply_import", made))
    assert "3 gateways registered" in client.get(of("import", made)).content.decode()
    assert Gateway.objects.filter(vendor=vendor).count() == 3
    assert "gateways.csv" in client.get(PAGE).content.decode()


def test_an_operator_chooses_the_vendor(client_of: ClientOf, operator: User, vendor: Vendor) -> None:
    client = client_of(operator)
    assert "Choose a vendor" in client.get(PAGE).content.decode()
    assert upload(client, lines(1)).status_code == 400  # type: ignore[attr-defined]  # a response
    assert not WorkFile.objects.exists()
    upload(client, lines(1), vendor=vendor.pk)
    assert Import.objects.get().vendor == vendor


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04anything", "zip or an Excel workbook"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        ("eui\n58A0CBFFFE000001\n".encode("utf-16"), "UTF-16"),
        (b"eui\n58A0CBFFFE000001\x00\n", "no text"),
        (b"   \n", "empty"),
        (b"eui," + b"x" * 70_000, "longer than 64 KB"),
        (b"[1, 2]", "JSON cannot be read"),
        (b'{"a": ' * 100_000, "JSON cannot be read"),
        (b'eui,name\n58A0CBFFFE000001,"open', ""),
    ],
)
def test_what_is_no_table_is_refused_and_not_kept(client: Client, content: bytes, words: str) -> None:
    response = upload(client, content)
    if words:
        assert words in response.content.decode()  # type: ignore[attr-defined]  # a response
        assert response.status_code == 400  # type: ignore[attr-defined]  # a response
        assert (Import.objects.count(), WorkFile.objects.count(), WorkPart.objects.count()) == (0, 0, 0)


@pytest.mark.parametrize("padding", [0, 1024 * 1024 - 100, 3 * 1024 * 1024])
def test_a_private_key_is_refused_wherever_it_stands(client: Client, padding: int) -> None:
    """Row 9. Fails when a key that lies over the border of two parts is kept with the first."""
    rows = ("58A0CBFFFE000001,mast\n" * (padding // 22 + 1))[:padding]
    key = makers.private_pem(makers.p256_key())
    response = upload(client, b"eui,name\n" + rows.encode() + b"\n" + key + b"\n" + rows.encode())
    assert "private key" in response.content.decode()  # type: ignore[attr-defined]  # a response
    assert (Import.objects.count(), WorkFile.objects.count(), WorkPart.objects.count()) == (0, 0, 0)


def test_a_file_that_breaks_off_is_not_kept(vendor: Vendor) -> None:
    def breaking() -> Iterator[bytes]:
        yield b"eui\n" + b"58A0CBFFFE000001\n" * 100_000
        raise ConnectionError

    with pytest.raises(ConnectionError):
        imports.receive("gateways.csv", breaking())
    assert (WorkFile.objects.count(), WorkPart.objects.count()) == (0, 0)


def test_a_file_of_20_mb_is_taken(client: Client) -> None:
    row = "58A0CBFFFE000001," + "x" * 1000 + "\n"
    assert upload(client, "eui,name\n" + row * 20_000).status_code == 302  # type: ignore[attr-defined]  # a response


def test_more_than_100_mb_is_refused_before_it_is_read(client: Client) -> None:
    response = client.post(PAGE, CONTENT_LENGTH=str(102 * 1024 * 1024), content_type="multipart/form-data; boundary=x")
    assert response.status_code == 413
    assert "100 MB" in response.content.decode()


def test_other_pages_still_take_little(client: Client) -> None:
    response = client.post("/authorities/upload/", CONTENT_LENGTH=str(17 * 1024 * 1024), content_type="text/plain")
    assert response.status_code == 413


def test_it_needs_the_token_of_the_form(vendor_user: User) -> None:
    """Fails when the view that puts the handler in its place forgets what it took away."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(vendor_user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert upload(client, lines(1)).status_code == 403  # type: ignore[attr-defined]  # a response
    assert (Import.objects.count(), WorkFile.objects.count()) == (0, 0)


def test_anonymous_people_and_auditors_hand_nothing_in(client_of: ClientOf, auditor: User, vendor: Vendor) -> None:
    assert upload(Client(), lines(1)).status_code == 302  # type: ignore[attr-defined]  # a response
    assert upload(client_of(auditor), lines(1)).status_code == 403  # type: ignore[attr-defined]  # a response
    assert not WorkFile.objects.exists()


def test_another_vendor_finds_nothing(
    client_of: ClientOf, other_vendor_user: User, vendor: Vendor, vendor_user: User
) -> None:
    made = checked(vendor_user, vendor, lines(2))
    other = client_of(other_vendor_user)
    for name in ("import", "import_progress", "import_report"):
        assert other.get(of(name, made)).status_code == 404
    for name in ("check_import", "choose_columns", "apply_import", "cancel_import"):
        assert other.post(of(name, made)).status_code == 404
    assert worked(made).state == Import.State.CHECKED


def test_the_report_is_the_file_with_reasons_and_can_be_handed_in_again(
    client: Client, vendor: Vendor, vendor_user: User
) -> None:
    """Row 13: what a spreadsheet would run is harmless in it, and is itself again when it comes back."""
    text = "eui;=name\n58A0CBFFFE000001;=1+1\nnonsense;@x\n58A0CBFFFE000002;'t Hof\n58A0CBFFFE000002;-5\n"
    made = hand_in(vendor_user, vendor, text)
    imports.check_import(made, actor=vendor_user, columns={"eui": 0, "name": 1})
    imports.work_on(made.pk)
    response = client.get(of("import_report", made))
    rows = list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))  # type: ignore[attr-defined]  # streams
    assert rows[0] == ["eui", "'=name", "Line", "Reason"]
    assert [row[:3] for row in rows[1:]] == [["nonsense", "'@x", "3"], ["58A0CBFFFE000002", "'-5", "5"]]
    assert rows[1][3].startswith("EUI: ")
    whole = b"".join(client.get(of("import_report", made) + "?all=1").streaming_content)  # type: ignore[attr-defined]  # streams
    again = hand_in(vendor_user, vendor, whole.replace(b"'=name", b"name"), key="again")
    assert again.columns == {"eui": 0, "name": 1}
    imports.check_import(again, actor=vendor_user, columns=again.columns)
    imports.work_on(again.pk)
    imports.apply_import(worked(again), actor=vendor_user)
    imports.work_on(again.pk)
    assert set(Gateway.objects.values_list("name", flat=True)) == {"=1+1", "'t Hof"}


def test_markup_in_a_file_is_inert(client: Client) -> None:
    """Row 12."""
    upload(client, "eui,<script>alert(1)</script>\n58A0CBFFFE000001,<b>x</b>\n", name="<img src=x>.csv")
    page = client.get(of("import", Import.objects.get())).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;b&gt;x" in page


def test_progress_asks_again_until_it_is_over(client: Client, vendor: Vendor, vendor_user: User) -> None:
    made = hand_in(vendor_user, vendor, lines(2))
    imports.check_import(made, actor=vendor_user, columns=made.columns)
    response = client.get(of("import_progress", made), {"n": "20"})
    assert response.status_code == 200
    assert "delay:5s" in response.content.decode()
    imports.work_on(made.pk)
    response = client.get(of("import_progress", made))
    assert (response.status_code, response["HX-Refresh"]) == (286, "true")


def test_it_is_cancelled(client: Client, vendor: Vendor, vendor_user: User) -> None:
    made = checked(vendor_user, vendor, lines(2))
    client.post(of("cancel_import", made))
    assert worked(made).state == Import.State.CANCELLED
    assert client.get(of("cancel_import", made)).status_code == 405
    assert "not any more" in client.get(of("import", made)).content.decode()


def test_columns_are_chosen_again(client: Client, vendor: Vendor, vendor_user: User) -> None:
    made = checked(vendor_user, vendor, lines(2))
    client.post(of("choose_columns", made))
    assert worked(made).state == Import.State.UPLOADED
    response = client.post(of("check_import", made), {"eui": "0", "name": "0"})
    assert "Two fields come from one column" in response.content.decode()


def test_a_gateway_says_which_import_registered_it(client: Client, vendor: Vendor, vendor_user: User) -> None:
    made = checked(vendor_user, vendor, lines(1))
    imports.apply_import(made, actor=vendor_user)
    imports.work_on(made.pk)
    page = client.get(reverse("gateways:detail", args=[Gateway.objects.get().pk])).content.decode()
    assert of("import", made) in page
    assert f"{made} written" in page


def test_pages_ask_as_much_for_many_lines_as_for_few(
    client: Client, vendor: Vendor, vendor_user: User, django_assert_num_queries: object
) -> None:
    few, many = checked(vendor_user, vendor, lines(2)), checked(vendor_user, vendor, lines(300) + "x\n" * 99, key="2")
    client.get(of("import", few))
    seen = []
    for made in (few, many):
        with django_assert_num_queries(14, exact=False) as asked:  # type: ignore[operator]  # pytest-django's
            client.get(of("import", made))
        seen.append(len(asked))
    assert seen[1] - seen[0] <= 1  # the report's one part
