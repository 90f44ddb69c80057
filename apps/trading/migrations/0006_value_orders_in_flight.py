from django.db import migrations


class Migration(migrations.Migration):
    """Value orders that were accepted before limits did: at the worst price that they accept."""

    dependencies = [
        ('trading', '0005_stops_and_limits'),
    ]

    operations = [
        migrations.RunSQL(
            "UPDATE trading_order SET valued_price = limit_price WHERE valued_price IS NULL AND limit_price IS NOT NULL",
            migrations.RunSQL.noop,
        ),
    ]
