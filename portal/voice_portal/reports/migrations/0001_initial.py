"""Reports that are kept, and to whom they were mailed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            "KeptReport",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("client", models.CharField(max_length=63)),
                ("month", models.CharField(max_length=7)),
                ("content", models.BinaryField(null=True)),
                ("made_at", models.DateTimeField(null=True)),
                ("renewed_at", models.DateTimeField(db_index=True)),
                ("progress", models.PositiveSmallIntegerField()),
            ],
            options={
                "db_table": "portal_report",
                "constraints": [
                    models.UniqueConstraint(fields=["client", "month"], name="portal_report_of_a_month"),
                ],
            },
        ),
        migrations.CreateModel(
            "SentReport",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("client", models.CharField(max_length=63)),
                ("month", models.CharField(max_length=7)),
                ("address", models.CharField(max_length=254)),
                ("sent_at", models.DateTimeField()),
            ],
            options={
                "db_table": "portal_report_sent",
                "constraints": [
                    models.UniqueConstraint(fields=["client", "month", "address"], name="portal_report_sent_once"),
                ],
            },
        ),
    ]
