"""What we change of django-allauth: nobody signs up, its mails go through the outbox, and what it does is recorded."""

from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from accounts import reauthentication
from accounts.models import Deployment, User
from accounts.services import people
from accounts.services.tokens import hash_of, new_token
from audit.services import SYSTEM, record
from core.bell import ring
from outbox.services import queue_mail
from outbox.tasks import send_due

RESET = "account/email/password_reset_key"
UNKNOWN = "account/email/unknown_account"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth publishes no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Only the link for a new password is sent, with our own address in it, whatever the Host header said.

        For an address without an account the same work is done and taken back: the answer takes as long.
        """
        if template_prefix not in (RESET, UNKNOWN):
            return
        known = template_prefix == RESET
        path = urlsplit(context["password_reset_url"]).path if known else f"/password/reset/key/{new_token()[0]}/"
        with transaction.atomic():
            _queue_reset(email, path)
            transaction.set_rollback(not known)
        ring(send_due)

    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        reauthentication.note(request)
        record(user, "person.signed-in", subject=user, vendor_id=user.vendor_id)

    def logout(self, request: HttpRequest) -> None:
        user = request.user
        super().logout(request)
        if isinstance(user, User):
            record(user, "person.signed-out", subject=user, vendor_id=user.vendor_id)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Who fails for an address without an account leaves nothing behind: no flood of records."""
        user = User.objects.filter(email=str(credentials.get("email", "")).lower()).first()
        if user is not None:
            record(SYSTEM, "person.sign-in-failed", subject=user, vendor_id=user.vendor_id)

    def set_password(self, user: User, password: str) -> None:
        people.reset_password(user, new=password)
        ring(send_due)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """By the address alone: with the Host header in it, each invented port would have a count of its own."""
        return str(credentials.get("email", "")).lower()

    def is_safe_url(self, url: str) -> bool:
        """Only our own paths: a redirect never leaves the desk, whatever hosts are allowed to serve it."""
        return urlsplit(url).netloc == "" and super().is_safe_url(url)


def _queue_reset(email: str, path: str) -> None:
    context = {
        "deployment": Deployment.objects.first(),
        "action_url": f"{settings.PUBLIC_URL}{path}",
        "action_label": "Choose a new password",
    }
    queue_mail(key=f"password-reset:{hash_of(path)}", to=email, template="password_reset", context=context)
