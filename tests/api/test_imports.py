"""Imports through the API: the file as it is, a job, a report, and writing once somebody says so."""

import pytest

from accounts.models import User, Vendor
from core.bell import in_process
from gateways import import_api
from gateways.models import Gateway, Import, WorkFile
from gateways.services import imports
from tests.api.conftest import ProgramOf
from tests.gateways.importing import hand_in, lines, worked

FILE = "eui,name\n58-A0-CB-FF-FE-80-11-D4,Mast\nnonsense,Barn\n"


def test_a_file_is_checked_and_written_when_it_is_said(
    transactional_db: None, vendor_user: User, program_of: ProgramOf
) -> None:
    program = program_of(vendor_user)
    with in_process():
        begun = program.post("/imports", FILE, kind="text/csv", key="k-1")
        assert begun.status_code == 202
        where = begun["Location"].removeprefix("/api/v1")
        told = program.get(where).json()
        assert (told["state"], told["new"], told["errors"]) == ("checked", 1, 1)
        assert not Gateway.objects.exists()
        report = b"".join(program.get(f"{where}/report.csv").streaming_content).decode()
        assert "nonsense" in report
        assert "58-A0" not in report
        assert program.post(f"{where}/apply", {}).status_code == 202
    assert program.get(where).json()["state"] == "done"
    assert Gateway.objects.get().name == "Mast"


def test_the_same_file_under_the_same_key_is_one_import(
    transactional_db: None, vendor_user: User, program_of: ProgramOf
) -> None:
    program = program_of(vendor_user)
    first, second = (program.post("/imports", FILE, kind="text/csv", key="k-1") for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    other = program.post("/imports", FILE.replace("Mast", "Mist"), kind="text/csv", key="k-1")
    assert (other.status_code, other.json()["code"]) == (409, "asked-otherwise")
    assert Import.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        ("name,model\nMast,KR\n", "text/csv", 409, "eui-column-needed"),
        ("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n", "text/csv", 422, "private-key"),
        ("PK\x03\x04 and so on", "text/csv", 422, "file-form"),
        ("", "text/csv", 422, "file-empty"),
        (FILE, "multipart/form-data", 415, "media-type-refused"),
    ],
)
def test_what_is_no_such_file_leaves_nothing_behind(
    content: str, kind: str, status: int, code: str, vendor_user: User, program_of: ProgramOf, transactional_db: None
) -> None:
    answer = program_of(vendor_user).post("/imports", content, kind=kind)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Import.objects.open().exists()
    assert not WorkFile.objects.exists()


def test_the_same_file_sent_twice_at_once_is_one_import_that_goes_on(
    transactional_db: None, vendor: Vendor, vendor_user: User
) -> None:
    """Whoever comes second finds it in hand. Fails where that is taken for a refusal: the import was cancelled."""
    late = hand_in(vendor_user, vendor, lines(3))
    imports.check_import(worked(late), actor=vendor_user, columns=late.columns)
    assert (
        import_api._check(late, vendor_user, import_api.Wish(vendor_id=None, reads_macs="false", updates="false")).state
        == Import.State.CHECKING
    )
    assert worked(late).state == Import.State.CHECKING
