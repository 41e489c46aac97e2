"""`manage.py inspect` and `manage.py inspect_csr`: what they print and how they exit."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from core import clock
from tests.pki.makers import EUI, NOW, make_certificate, make_csr, make_issuing, make_root, p256_key, private_pem

pytestmark = pytest.mark.django_db


def test_good_files_are_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_root()
    file = _file(tmp_path, root.pem + make_issuing(root).pem)
    with clock.at(NOW):
        call_command("inspect", file, "--json")
    answer = json.loads(capsys.readouterr().out)
    assert answer["accepted"] is True
    assert next(each["sha256"] for each in answer["certificates"]) == root.sha256
    assert {"code", "severity", "message"} <= set(answer["certificates"][0]["findings"][0])


def test_a_refused_certificate_exits_with_1_and_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with clock.at(NOW), pytest.raises(SystemExit) as exit_:
        call_command("inspect", _file(tmp_path, make_certificate("A leaf or so").pem), "--json")
    assert exit_.value.code == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["accepted"] is False
    assert "not-a-ca" in {finding["code"] for finding in answer["certificates"][0]["findings"]}


def test_a_private_key_exits_with_1_and_is_not_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pem = private_pem(p256_key("exposed"))
    with pytest.raises(SystemExit) as exit_:
        call_command("inspect", _file(tmp_path, pem))
    printed = capsys.readouterr().out
    assert exit_.value.code == 1
    assert "private-key" in printed
    assert pem.decode().splitlines()[1] not in printed


def test_a_missing_file_is_misuse() -> None:
    with pytest.raises(CommandError) as error:
        call_command("inspect", "/nowhere/ca.pem")
    assert error.value.returncode == 2


def test_words_for_people_name_the_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with clock.at(NOW):
        call_command("inspect", _file(tmp_path, make_root().pem))
    printed = capsys.readouterr().out
    assert printed.startswith("Accepted")
    assert "[root-alone]" in printed


def test_a_good_request_is_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("inspect_csr", _file(tmp_path, make_csr()), "--eui", "58-A0-CB-FF-FE-12-34-56", "--json")
    answer = json.loads(capsys.readouterr().out)
    assert (answer["accepted"], answer["common_name"], answer["key_type"]) == (True, EUI, "P-256")


def test_a_request_for_another_gateway_exits_with_1(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as exit_:
        call_command("inspect_csr", _file(tmp_path, make_csr()), "--eui", "58A0CBFFFE000001")
    assert exit_.value.code == 1


def test_what_is_no_eui_is_misuse(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as error:
        call_command("inspect_csr", _file(tmp_path, make_csr()), "--eui", "nonsense")
    assert error.value.returncode == 2


def _file(folder: Path, content: bytes) -> str:
    file = folder / "file.pem"
    file.write_bytes(content)
    return str(file)
