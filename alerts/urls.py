"""Addresses of the alerts pages."""

from django.urls import URLPattern, path

from alerts.views import alerts, answers, calendar, recipients, rules

app_name = "alerts"
urlpatterns: list[URLPattern] = [
    path("", alerts.list_alerts, name="list"),
    path("calendar/", calendar.calendar, name="calendar"),
    path("mine/", recipients.mine, name="mine"),
    path("recipients/", recipients.recipients, name="recipients"),
    path("recipients/<int:pk>/clear/", recipients.clear, name="clear_bounce"),
    path("rules/", rules.list_rules, name="rules"),
    path("rules/new/", rules.new_rule, name="new_rule"),
    path("rules/mail/", rules.mail, name="rule_mail"),
    path("rules/<int:pk>/", rules.change_rule, name="rule"),
    path("rules/<int:pk>/remove/", rules.remove, name="remove_rule"),
    path("answer/<slug:act>/", answers.answer_many, name="answer_many"),
    path("<int:pk>/", answers.detail, name="detail"),
    path("<int:pk>/<slug:act>/", answers.answer, name="answer"),
]
