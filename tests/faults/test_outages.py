"""What is away for a day, or put back to what it was, doubles nothing and forgets nothing."""

import pytest

from tests.faults import commits, outages, restores
from tests.faults.deployment import Deployment

pytestmark = pytest.mark.slow


def test_without_a_mail_server_mails_wait_and_one_refused_recipient_holds_up_nobody(desk: Deployment) -> None:
    """G9. Fails when a message is given up, or sent without a claim."""
    outages.smtp_away(desk, 3)


def test_after_a_day_without_beat_each_person_is_told_the_newest_threshold_once(desk: Deployment) -> None:
    """G9. Fails when notices look at every threshold that was crossed."""
    outages.beat_dead(desk, 3)


def test_a_restored_backup_reuses_no_serial(desk: Deployment) -> None:
    """Fails when what was reserved before the backup is reserved anew."""
    restores.old_backup(desk, 4)


def test_a_restored_backup_puts_no_older_release_back_and_gives_no_number_again(desk: Deployment) -> None:
    """G7. Fails when a store is repaired without asking whose release it holds."""
    restores.old_backup_of_releases(desk)


def test_a_lost_answer_to_a_commit_doubles_nothing(desk: Deployment) -> None:
    """G1, G3. Fails when what was reserved before is not looked for."""
    commits.lost_answers(desk, 4)
