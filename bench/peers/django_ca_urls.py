"""The addresses of django-ca, as its documentation has them."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("django_ca/", include("django_ca.urls")), path("admin/", admin.site.urls)]
