"""Who people are at their providers, and which of the providers' answers were used."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            "Identity",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(max_length=63)),
                ("uid", models.CharField(max_length=255)),
                ("user", models.OneToOneField(settings.AUTH_USER_MODEL, django.db.models.deletion.CASCADE)),
            ],
            options={
                "db_table": "portal_identity",
                "constraints": [models.UniqueConstraint(fields=["provider", "uid"], name="portal_identity_uid")],
            },
        ),
        migrations.CreateModel(
            "UsedAnswer",
            [
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_index=True)),
            ],
            options={"db_table": "portal_used_answer"},
        ),
    ]
