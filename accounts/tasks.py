"""Tidying what programs were answered."""

from celery import shared_task

from accounts.services import answers
from audit.services import beat


@shared_task(name="accounts.tasks.forget_answers")
def forget_answers() -> None:
    answers.forget_old()
    beat("forget old answers of the API")
