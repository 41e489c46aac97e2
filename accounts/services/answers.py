"""A POST with an Idempotency-Key is done once: sent again, it gets the answer that it got.

Only what was done is kept. A refusal changed nothing, and may be tried again under the same key.
"""

from datetime import timedelta

from django.db import IntegrityError, transaction

from accounts.models import Answer, ApiToken
from core import clock
from core.errors import Refused, Unprocessable

GIVEN_UP = timedelta(minutes=5)  # whoever was doing it has died


def begin(token: ApiToken, key: str, fingerprint: str) -> Answer:
    """The row to `keep` the answer in, or one that has it (with a status). Raises Refused."""
    Answer.objects.forgotten_at(clock.now()).filter(token=token, key=key).delete()
    try:
        with transaction.atomic():
            return Answer.objects.create(token=token, key=key, fingerprint=fingerprint)
    except IntegrityError:
        return _sent_before(token, key, fingerprint)


def keep(answer: Answer, *, status: int, content_type: str, location: str, body: str) -> None:
    filled = {"status": status, "content_type": content_type, "location": location, "body": body}
    Answer.objects.filter(pk=answer.pk).update(**filled)


def let_go(answer: Answer) -> None:
    """Nothing was done: the key may be used again."""
    Answer.objects.filter(pk=answer.pk, status__isnull=True).delete()


def forget_old() -> int:
    """Forget what is older than a day; return how many."""
    return Answer.objects.forgotten_at(clock.now()).delete()[0]


def _sent_before(token: ApiToken, key: str, fingerprint: str) -> Answer:
    found = Answer.objects.filter(token=token, key=key).first()
    if found is not None and found.fingerprint != fingerprint:
        raise Unprocessable(
            "idempotency-key-used", "This Idempotency-Key was sent with another request. Use a new one."
        )
    if found is not None and (found.status is not None or _take_over(found)):
        return found
    raise Refused("idempotency-in-progress", "The same request is being worked on. Ask again in a moment.")


def _take_over(found: Answer) -> bool:
    now = clock.now()
    dead = Answer.objects.filter(pk=found.pk, status__isnull=True, begun_at__lte=now - GIVEN_UP)
    return bool(dead.update(begun_at=now))
