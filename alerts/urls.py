"""Addresses of the alerts pages."""

from django.urls import URLPattern, path

from alerts import views

app_name = "alerts"
urlpatterns: list[URLPattern] = [
    path("", views.list_alerts, name="list"),
]
