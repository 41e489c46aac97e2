"""Addresses of the webhooks."""

from django.urls import URLPattern, path

from accounts.views import webhooks

app_name = "webhooks"
urlpatterns: list[URLPattern] = [
    path("", webhooks.list_webhooks, name="list"),
    path("new/", webhooks.new, name="new"),
    path("<int:pk>/", webhooks.detail, name="detail"),
    path("<int:pk>/edit/", webhooks.edit, name="edit"),
    path("<int:pk>/test/", webhooks.test, name="test"),
    path("<int:pk>/pause/", webhooks.pause, name="pause"),
    path("<int:pk>/resume/", webhooks.resume, name="resume"),
    path("<int:pk>/rotate/", webhooks.rotate, name="rotate"),
    path("<int:pk>/remove/", webhooks.remove, name="remove"),
    path("<int:pk>/replay/", webhooks.replay, name="replay"),
    path("<int:pk>/calls/<int:delivery_pk>/again/", webhooks.again, name="again"),
]
