"""Addresses of the alerts pages."""

from django.urls import URLPattern, path

from alerts.views import alerts, calendar

app_name = "alerts"
urlpatterns: list[URLPattern] = [
    path("", alerts.list_alerts, name="list"),
    path("calendar/", calendar.calendar, name="calendar"),
]
