from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('hooks', '0003_kept_by_digest'),
    ]

    operations = [
        migrations.AddField(
            model_name='endpoint',
            name='stopped_with',
            field=models.JSONField(default=dict, editable=False),
        ),
    ]
