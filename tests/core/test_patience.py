"""What the database may take for a question that a person waits for. Runs on both databases."""

import pytest
from django.db import DatabaseError, connection, transaction

from core import patience
from core.patience import TooSlow

pytestmark = pytest.mark.django_db(transaction=True)
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE i < 0"


def ask(sql: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


def test_a_question_without_end_is_stopped_and_explained() -> None:
    with pytest.raises(TooSlow, match=r"longer than 0\.1 s"), patience.at_most(0.1):
        ask(ENDLESS)


def test_the_connection_works_afterwards_and_waits_as_before() -> None:
    with pytest.raises(TooSlow), patience.at_most(0.1):
        ask(ENDLESS)
    assert ask("SELECT 1") == (1,)
    if connection.vendor == "postgresql":
        assert ask("SHOW statement_timeout") == ("0",)


def test_the_limit_ends_with_its_block_inside_of_a_transaction_too() -> None:
    with transaction.atomic():
        with patience.at_most(0.1):
            assert ask("SELECT 1") == (1,)
        if connection.vendor == "postgresql":
            assert ask("SHOW statement_timeout") == ("0",)
        with pytest.raises(TooSlow), patience.at_most(0.1):
            ask(ENDLESS)
        assert ask("SELECT 1") == (1,)


def test_other_mistakes_are_not_called_slow() -> None:
    with pytest.raises(DatabaseError), patience.at_most(1):
        ask("SELECT nothing_like_it")
