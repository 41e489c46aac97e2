"""The mailbox page, where there is one."""

from django.conf import settings
from django.urls import URLPattern, path

from outbox import views


def patterns(*, shown: bool) -> list[URLPattern]:
    """In production, and where mail goes to a server, the addresses do not exist."""
    if not shown:
        return []
    return [path("", views.mailbox, name="mailbox"), path("<int:pk>/", views.mail, name="mail")]


urlpatterns = patterns(shown=settings.SHOWS_MAILBOX)
