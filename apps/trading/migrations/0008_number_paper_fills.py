"""Give the fills of paper orders the place among those of one instant that new ones have: order, then number."""

from django.db import migrations

# Fills are append-only, by triggers; this is no change of what happened.
NUMBER = """
    ALTER TABLE trading_fill DISABLE TRIGGER USER;
    UPDATE trading_fill SET sequence = order_id * 100000 + substring(venue_fill_id FROM '-(\\d+)$')::bigint
    WHERE order_id IS NOT NULL AND venue_fill_id ~ '^paper-\\d+-\\d{1,5}$';
    ALTER TABLE trading_fill ENABLE TRIGGER USER;
"""


class Migration(migrations.Migration):
    dependencies = [("trading", "0007_fills_in_order")]

    operations = [migrations.RunSQL(NUMBER, migrations.RunSQL.noop)]
