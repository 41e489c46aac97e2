"""What we change of django-allauth: nobody signs up, and its mails go through the outbox."""

from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest

from accounts import reauthentication
from accounts.models import Deployment, User
from accounts.services.tokens import hash_of
from audit.services import record
from core.bell import ring
from outbox.services import queue_mail
from outbox.tasks import send_due

RESET = "account/email/password_reset_key"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth publishes no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Only the link for a new password is sent, with our own address in it, whatever the Host header said."""
        if template_prefix != RESET:
            return
        path = urlsplit(context["password_reset_url"]).path
        told = {
            "deployment": Deployment.objects.first(),
            "action_url": f"{settings.PUBLIC_URL}{path}",
            "action_label": "Choose a new password",
        }
        queue_mail(key=f"password-reset:{hash_of(path)}", to=email, template="password_reset", context=told)
        ring(send_due)

    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        reauthentication.note(request)
        record(user, "person.signed-in", subject=user, vendor_id=user.vendor_id)
