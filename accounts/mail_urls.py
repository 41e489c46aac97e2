"""Addresses of the log of mails."""

from django.urls import URLPattern, path

from accounts.views import mails

app_name = "mails"
urlpatterns: list[URLPattern] = [
    path("", mails.list_mails, name="list"),
    path("try/", mails.try_server, name="try"),
    path("<int:pk>/retry/", mails.retry, name="retry"),
]
