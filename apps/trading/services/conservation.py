"""Say that nothing comes from nowhere: fills and movements come to each holding and to the cash.

Both add up all fills of an account. Fills are appended and never edited, so that sums of the older ones may
be kept: `fills` is a SELECT of (account_id, algorithm_id, coin_type, quantity, cash_aud) that comes to all.
"""

from apps.trading.invariant import Invariant

FILLS = """
    SELECT account_id, algorithm_id, coin_type, CASE side WHEN 'buy' THEN quantity ELSE -quantity END AS quantity,
           CASE WHEN kind <> 'trade' THEN 0 WHEN side = 'buy' THEN -value_aud - fee_aud ELSE value_aud - fee_aud END AS cash_aud
    FROM trading_fill
"""
ALL_FILLS = FILLS
LATER_FILLS = f"{FILLS} WHERE id > {{through}}"

HOLDINGS = """
    SELECT account_id, NULL::bigint AS order_id,
           format('fills and movements of %%s come to %%s, the holding of book %%s is %%s', coin_type,
               trim_scale(sum(came)), coalesce(algorithm_id::text, 'manual'), trim_scale(sum(held))) AS what,
           format('holding:%%s:%%s', coin_type, coalesce(algorithm_id::text, 'manual')) AS subject
    FROM (
        SELECT account_id, algorithm_id, coin_type, quantity AS came, 0 AS held FROM ({fills}) AS fill
        UNION ALL SELECT account_id, NULL, coin_type, quantity, 0 FROM trading_movement WHERE coin_type <> ''
        UNION ALL SELECT account_id, algorithm_id, coin_type, 0, quantity FROM trading_holding
    ) AS entry
    GROUP BY account_id, algorithm_id, coin_type HAVING sum(came) <> sum(held)
"""
CASH = """
    SELECT account_id, NULL::bigint AS order_id, format('movements, fills and fees come to A$%%s, its cash is A$%%s',
               trim_scale(sum(came)), trim_scale(sum(cash))) AS what, '' AS subject
    FROM (
        SELECT account_id, cash_aud AS came, 0 AS cash FROM ({fills}) AS fill
        UNION ALL SELECT account_id, amount_aud, 0 FROM trading_movement
        UNION ALL SELECT id, 0, cash_aud FROM trading_account
    ) AS entry
    GROUP BY account_id HAVING sum(came) <> sum(cash)
"""


def conserved(fills: str) -> tuple[Invariant, Invariant]:
    """Give the invariants of holdings and cash, which read the fills' sums as `fills` has them."""
    return (
        Invariant("holdings", HOLDINGS.replace("{fills}", fills)),
        Invariant("cash", CASH.replace("{fills}", fills)),
    )
