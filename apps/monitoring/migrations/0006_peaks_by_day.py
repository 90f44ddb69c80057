import django.db.models.deletion
import ohmycoins.core.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    """Nothing has written a peak yet: the table is made anew, with a high of each day."""

    dependencies = [
        ('monitoring', '0005_alert_deliveries'),
        ('trading', '0011_brake_causes'),
    ]

    operations = [
        migrations.DeleteModel(name='Peak'),
        migrations.CreateModel(
            name='Peak',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('algorithm_id', models.BigIntegerField(help_text="The book's; null = the whole account.", null=True)),
                ('began_at', models.DateTimeField(help_text='A release begins it anew.')),
                ('at', models.DateTimeField(help_text='When it was last seen to have changed.')),
                ('level', ohmycoins.core.fields.PriceField()),
                ('highs', models.JSONField(default=dict, help_text='The highest level of each day (UTC) of the window.')),
                ('equity_aud', ohmycoins.core.fields.AudField(help_text='When last seen; of accounts.', null=True)),
                ('paid_in_aud', ohmycoins.core.fields.AudField(help_text='Came by no trade until then, less what went; of accounts.', null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='trading.account')),
                ('protection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='peaks', to='monitoring.protection')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('protection', 'account', 'algorithm_id'), name='peak_once', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='ClosingMark',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('done_id', models.BigIntegerField(default=0)),
                ('seen_id', models.BigIntegerField(default=0)),
                ('seen_xid', models.BigIntegerField(default=0)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='closing_mark_once')],
            },
        ),
    ]
