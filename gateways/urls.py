"""Addresses of the gateways pages."""

from django.urls import URLPattern, path

from gateways import views

app_name = "gateways"
urlpatterns: list[URLPattern] = [
    path("", views.list_gateways, name="list"),
    path("export.csv", views.export, name="export"),
    path("register/", views.register, name="register"),
    path("register/reading/", views.reading, name="reading"),
    path("disputes/", views.disputes, name="disputes"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/edit/", views.edit, name="edit"),
]
