"""manage.py verify_audit."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Vendor
from audit.services import head, seal_pending
from tests.audit.acts import some_acts
from tests.audit.test_sealing import change

pytestmark = pytest.mark.django_db


def test_it_says_that_all_is_good(vendor: Vendor) -> None:
    some_acts(vendor)
    seal_pending()
    out = StringIO()
    call_command("verify_audit", "--json", "--head", head().upper(), stdout=out)
    answer = json.loads(out.getvalue())
    assert (answer["ok"], answer["sealed"], answer["head"]) == (True, 3, head())


def test_it_exits_with_1_and_names_the_first_bad_row(vendor: Vendor) -> None:
    some_acts(vendor)
    seal_pending()
    change("UPDATE audit_record SET actor_name = 'Somebody else'")
    out = StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("verify_audit", stdout=out)
    assert stopped.value.code == 1
    assert "seal 1" in out.getvalue()


def test_it_exits_with_2_where_the_head_is_no_hash() -> None:
    with pytest.raises(CommandError) as misuse:
        call_command("verify_audit", "--head", "abc")
    assert misuse.value.returncode == 2
