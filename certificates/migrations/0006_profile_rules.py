"""What was one answer for all requests of a vendor is a rule for each profile."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def keep_answers(apps: Any, schema_editor: Any) -> None:
    rules = apps.get_model("certificates", "ProfileRule").objects
    for policy in apps.get_model("certificates", "IssuingPolicy").objects.filter(automatic=True):
        rules.create(policy=policy, profile="gateway-client", approval="automatic")


def take_back(apps: Any, schema_editor: Any) -> None:
    rules = apps.get_model("certificates", "ProfileRule").objects.filter(profile="gateway-client", approval="automatic")
    policies = apps.get_model("certificates", "IssuingPolicy").objects
    policies.filter(pk__in=rules.values("policy")).update(automatic=True)


class Migration(migrations.Migration):
    dependencies = [("certificates", "0005_renews")]
    operations = [
        migrations.CreateModel(
            name="ProfileRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("profile", models.CharField(max_length=40)),
                (
                    "approval",
                    models.CharField(
                        choices=[
                            ("operator", "Wait for an operator"),
                            ("automatic", "Approved as they come"),
                            ("none", "Not offered"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rules",
                        to="certificates.issuingpolicy",
                    ),
                ),
            ],
            options={"ordering": ["profile"]},
        ),
        migrations.AddConstraint(
            model_name="profilerule",
            constraint=models.UniqueConstraint(fields=("policy", "profile"), name="profile_rule_once"),
        ),
        migrations.RunPython(keep_answers, take_back),
    ]
