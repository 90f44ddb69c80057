"""Give out nonces: numbers that rise with every signed call of a key, for ever.

A venue refuses a call whose nonce is not above every earlier one of its key. So a nonce is a fence: once
a call got through, none that was signed before it can. A key has one sequence, kept in its account's row:
the trading key's, and the read-only key's. Where an account has only a trading key (`Keys.shared`), its
reads take their nonces from that key's sequence too.

A nonce is the time in µs since 1970, or one more than the last where the clock has not moved on or was
set back. It is taken by one UPDATE of the account's row, which waits for whoever holds its lock; inside a
transaction it holds that lock until the end, and a rollback gives the nonce back. So commit before the
call is sent: of two calls with one nonce, the venue would take either.
"""

from datetime import UTC, datetime, timedelta

from django.db import connection

from ohmycoins.core import clock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TAKE = "UPDATE trading_account SET {0} = greatest({0} + 1, %s) WHERE id = %s RETURNING {0}"
TAKE_TRADING, TAKE_READING = TAKE.format("last_nonce"), TAKE.format("last_read_nonce")


class NoSuchAccountRow(LookupError):
    """A nonce was asked for an account that does not exist."""


def take_nonce(account_id: int) -> int:
    """Take the next nonce of the account's trading key. Raises NoSuchAccountRow."""
    return _take(TAKE_TRADING, account_id)


def take_read_nonce(account_id: int) -> int:
    """Take the next nonce of the account's read-only key. Raises NoSuchAccountRow."""
    return _take(TAKE_READING, account_id)


def _take(statement: str, account_id: int) -> int:
    now = (clock.now() - EPOCH) // timedelta(microseconds=1)
    with connection.cursor() as cursor:
        cursor.execute(statement, [now, account_id])
        row = cursor.fetchone()
    if row is None:
        raise NoSuchAccountRow(f"there is no account {account_id} to take a nonce for")
    return int(row[0])
