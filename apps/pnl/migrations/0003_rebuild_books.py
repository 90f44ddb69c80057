"""Have every coin's book kept anew: it gained columns that only its fills can fill (`pnl.book_overdue`)."""

from django.db import migrations

REBUILD = """
    INSERT INTO pnl_bookingfailure (account_id, coin_type, error, attempts, next_at, failed_at)
    SELECT account_id, coin_type, 'to be kept with all its sums', 1, now(), now() FROM (
        SELECT account_id, coin_type FROM trading_fill
        UNION SELECT account_id, coin_type FROM trading_movement WHERE coin_type <> ''
    ) AS traded
"""


class Migration(migrations.Migration):
    dependencies = [("pnl", "0002_books_in_full")]

    operations = [migrations.RunSQL(REBUILD, migrations.RunSQL.noop)]
