"""Have every coin's book kept anew: it gained columns that only its fills can fill (`pnl.book_overdue`)."""

from django.db import migrations

REBUILD = """
    INSERT INTO pnl_bookingfailure (account_id, coin_type, since, error, attempts, next_at, failed_at)
    SELECT account_id, coin_type, now(), 'to be kept with all its sums', 1, now(), now() FROM (
        SELECT account_id, coin_type FROM trading_fill
        UNION SELECT account_id, coin_type FROM trading_movement WHERE coin_type <> ''
    ) AS traded
"""


class Migration(migrations.Migration):
    dependencies = [("pnl", "0002_books_in_full"), ("trading", "0008_number_paper_fills")]

    operations = [migrations.RunSQL(REBUILD, migrations.RunSQL.noop)]
