"""Say what must hold of orders, their fills and their events: each invariant as one SELECT of its breaches.

A SELECT gives (account_id, order_id, what, subject); `AMONG(column)` in it keeps to the rows that are looked
at (`services.invariants`). Figures that change while a breach stands are in `what` only: the subject tells it
from other breaches of the same invariant, account and order.
"""

from apps.trading.invariant import EVENT, FILL, ORDER, Invariant

# Each fill rounds what its order still reserves, half to even: that may come to some 1e-8 too much.
ROUNDING_AUD = "0.01"

ORDER_SUMS = """
    SELECT o.account_id, o.id AS order_id, format('it says that %%s were filled for a fee of A$%%s, its fills %%s for A$%%s',
               trim_scale(o.filled_quantity), trim_scale(o.fee_aud),
               trim_scale(coalesce(f.quantity, 0)), trim_scale(coalesce(f.fee, 0))) AS what, '' AS subject
    FROM trading_order o
    LEFT JOIN (SELECT order_id, sum(quantity) AS quantity, sum(fee_aud) AS fee FROM trading_fill
               WHERE AMONG(order_id) GROUP BY order_id) f ON f.order_id = o.id
    WHERE AMONG(o.id) AND (o.filled_quantity, o.fee_aud) <> (coalesce(f.quantity, 0), coalesce(f.fee, 0))
"""
FILL_OF_ITS_ORDER = """
    SELECT f.account_id, f.order_id, format('fill %%s is of an order that %%s', f.id, CASE WHEN o.id IS NULL
               THEN 'is not there' ELSE 'has another account, book, coin or side' END) AS what, 'fill:' || f.id AS subject
    FROM trading_fill f LEFT JOIN trading_order o ON o.id = f.order_id
    WHERE AMONG(f.id) AND f.order_id IS NOT NULL AND (o.id IS NULL
        OR (f.account_id, f.coin_type, f.side) <> (o.account_id, o.coin_type, o.side)
        OR f.algorithm_id IS DISTINCT FROM o.algorithm_id)
"""
# An order that is gone may be at the venue: of what it does there nobody would know.
ORDER_OF_ITS_EVENT = """
    SELECT e.account_id, e.order_id, format('event %%s says that it was made, and it is %%s', e.id,
               CASE WHEN o.id IS NULL THEN 'not there' ELSE 'of account ' || o.account_id END) AS what,
           'event:' || e.id AS subject
    FROM trading_event e LEFT JOIN trading_order o ON o.id = e.order_id
    WHERE AMONG(e.id) AND e.order_id IS NOT NULL AND e.type = 'order.made' AND o.account_id IS DISTINCT FROM e.account_id
"""
FILL_EVENT = """
    SELECT f.account_id, f.order_id, format('fill %%s has %%s events', f.id, count(e.id)) AS what, 'fill:' || f.id AS subject
    FROM trading_fill f
    LEFT JOIN trading_event e ON e.order_id = f.order_id AND e.inputs ->> 'fill_id' = f.id::text
    WHERE AMONG(f.id) AND f.order_id IS NOT NULL
    GROUP BY f.id HAVING count(e.id) <> 1
"""
EVENT_FILL = """
    SELECT e.account_id, e.order_id, format('event %%s is of fill %%s, which is not there as it says', e.id,
               e.inputs ->> 'fill_id') AS what, 'event:' || e.id AS subject
    FROM trading_event e
    WHERE AMONG(e.id) AND e.order_id IS NOT NULL AND e.inputs ->> 'fill_id' IS NOT NULL AND NOT EXISTS (
        SELECT FROM trading_fill f
        WHERE f.order_id = e.order_id AND f.id::text = e.inputs ->> 'fill_id'
          AND coalesce(e.inputs ->> 'quantity', trim_scale(f.quantity)::text) = trim_scale(f.quantity)::text
          AND coalesce(e.inputs ->> 'price', trim_scale(f.price)::text) = trim_scale(f.price)::text)
"""
# The venue's own key begins with the digest of what it said: equal rows of it have equal digests.
ONE_FILL_OF_A_TRADE = """
    SELECT f.account_id, f.order_id, format('fills %%s and %%s are one trade under two ids', f.id, other.id) AS what,
           'fill:' || f.id AS subject
    FROM trading_fill f
    JOIN trading_account a ON a.id = f.account_id AND a.mode = 'live'
    JOIN trading_fill other ON other.order_id = f.order_id AND other.id < f.id
     AND (other.executed_at, other.quantity, other.price, other.value_aud, other.fee_aud)
       = (f.executed_at, f.quantity, f.price, f.value_aud, f.fee_aud)
    WHERE AMONG(f.id) AND split_part(other.venue_fill_id, ':', 1) <> split_part(f.venue_fill_id, ':', 1)
"""
STATE_AND_AMOUNT = """
    SELECT account_id, id AS order_id, format('it is %%s with %%s of %%s filled', status,
               trim_scale(filled_quantity), trim_scale(quantity)) AS what, '' AS subject
    FROM trading_order
    WHERE AMONG(id) AND ((status = 'filled' AND filled_quantity <> quantity)
       OR (status IN ('pending', 'submitting', 'unknown', 'denied', 'expired', 'rejected') AND filled_quantity <> 0)
       OR (status = 'partially_filled' AND (filled_quantity = 0 OR filled_quantity >= quantity)))
"""
TERMINAL_RESERVES = """
    SELECT account_id, id AS order_id, format('it is %%s and still reserves A$%%s and %%s %%s', status,
               trim_scale(reserved_aud), trim_scale(reserved_quantity), coin_type) AS what, '' AS subject
    FROM trading_order
    WHERE AMONG(id) AND status = ANY(%(terminal)s) AND (reserved_aud <> 0 OR reserved_quantity <> 0)
"""
# What it may still cost at its worst price, fee aside, or the coins that it may still sell: the limits count on that.
RESERVES_ENOUGH = """
    SELECT account_id, id AS order_id, format('it is %%s and may take %%s %%s more at A$%%s, but reserves A$%%s and %%s %%s', status,
               trim_scale(quantity - filled_quantity), coin_type, coalesce(trim_scale(limit_price)::text, 'no price'),
               trim_scale(reserved_aud), trim_scale(reserved_quantity), coin_type) AS what, '' AS subject
    FROM trading_order
    WHERE AMONG(id) AND status = ANY(%(in_flight)s) AND status <> 'needs_review' AND coalesce(CASE side
        WHEN 'buy' THEN reserved_aud + {rounding} < (quantity - filled_quantity) * limit_price
        ELSE reserved_quantity < quantity - filled_quantity END, true)
""".replace("{rounding}", ROUNDING_AUD)
# Facts that no guard refuses, since the newest of our orders in flight was accepted: orders made elsewhere
# and their fills, imported history, what was taken out, and orders that came back or were filled beyond what
# they reserved.
# Without one of these, nothing but our own orders, each guarded, moved what is there. All orders in flight
# are counted then, made elsewhere or not.
RESERVED = """
    WITH reserving AS (
        SELECT account_id, CASE WHEN reserved_aud > 0 THEN 'AUD' ELSE coin_type END AS coin, sum(reserved_aud) AS aud,
               sum(reserved_quantity) AS quantity, max(created_at) FILTER (WHERE origin = 'ours') AS guarded_at,
               max(id) FILTER (WHERE origin = 'ours') AS newest
        FROM trading_order WHERE status = ANY(%(in_flight)s) AND (reserved_aud > 0 OR reserved_quantity > 0)
        GROUP BY 1, 2
    )
    SELECT r.account_id, NULL::bigint AS order_id, format('orders in flight reserve %%s %%s, it has %%s', trim_scale(r.aud + r.quantity),
               r.coin, trim_scale(has.amount)) AS what, 'coin:' || r.coin AS subject
    FROM reserving r
    JOIN trading_account a ON a.id = r.account_id
    CROSS JOIN LATERAL (SELECT CASE r.coin WHEN 'AUD' THEN a.cash_aud ELSE (
        SELECT coalesce(sum(quantity), 0) FROM trading_holding h
        WHERE h.account_id = r.account_id AND h.coin_type = r.coin) END AS amount) AS has
    WHERE r.newest IS NOT NULL
      AND r.aud + r.quantity > has.amount + CASE r.coin WHEN 'AUD' THEN {rounding} ELSE 0 END
      AND NOT EXISTS (SELECT FROM trading_movement m WHERE m.account_id = r.account_id
          AND m.recorded_at >= r.guarded_at AND (m.amount_aud < 0 OR m.quantity < 0))
      AND NOT EXISTS (
          SELECT FROM trading_event e LEFT JOIN trading_order o ON o.id = e.order_id
          WHERE e.account_id = r.account_id AND e.seq >= (
                SELECT min(seq) FROM trading_event made WHERE made.order_id = r.newest)
            AND (e.type = 'fills.imported' OR o.origin = 'external' OR 'needs_review' IN (e.from_status, e.to_status)
                 OR e.from_status IN ('cancelled', 'not_placed', 'filled')))
""".replace("{rounding}", ROUNDING_AUD)
PATHS = """
    SELECT account_id, order_id, format('event %%s says %%s to %%s after %%s', id, coalesce(nullif(from_status, ''), 'new'),
               to_status, coalesce(nullif(before, ''), 'nothing')) AS what,
           'event:' || id AS subject
    FROM (
        SELECT id, account_id, order_id, type, from_status, to_status,
               lag(to_status, 1, '') OVER (PARTITION BY order_id ORDER BY seq) AS before
        FROM trading_event WHERE AMONG(order_id) AND order_id IS NOT NULL AND to_status <> ''
    ) AS step
    WHERE from_status <> before OR NOT CASE WHEN type IN ('order.made', 'order.moved')
        THEN from_status || '>' || to_status = ANY(%(moves)s) ELSE from_status = to_status END
"""
LAST_EVENT = """
    SELECT o.account_id, o.id AS order_id, format('it is %%s, its last event says %%s', o.status,
               coalesce(e.to_status, 'nothing')) AS what, '' AS subject
    FROM trading_order o
    LEFT JOIN (
        SELECT DISTINCT ON (order_id) order_id, to_status FROM trading_event
        WHERE AMONG(order_id) AND order_id IS NOT NULL AND to_status <> '' ORDER BY order_id, seq DESC
    ) e ON e.order_id = o.id
    WHERE AMONG(o.id) AND e.to_status IS DISTINCT FROM o.status
"""
NONCES = """
    SELECT o.account_id, o.id AS order_id, CASE
        WHEN c.nonce IS NULL THEN format('its nonce %%s is of no claim', o.nonce)
        WHEN c.nonce > a.last_nonce THEN format('its nonce %%s is above the last one, %%s', c.nonce, a.last_nonce)
        ELSE format('its nonce is %%s, it was claimed with %%s', o.nonce, c.nonce) END AS what, '' AS subject
    FROM trading_order o JOIN trading_account a ON a.id = o.account_id
    LEFT JOIN (
        SELECT DISTINCT ON (order_id) order_id, (inputs->>'nonce')::numeric AS nonce FROM trading_event
        WHERE AMONG(order_id) AND to_status = 'submitting' AND inputs ->> 'nonce' IS NOT NULL ORDER BY order_id, seq DESC
    ) AS c ON c.order_id = o.id
    WHERE AMONG(o.id) AND (c.nonce > a.last_nonce OR o.nonce <> c.nonce OR (o.nonce IS NOT NULL AND c.nonce IS NULL))
"""
NONCES_RISE = """
    SELECT claim.account_id, claim.order_id, format('it was claimed with nonce %%s after %%s', claim.inputs->>'nonce',
               earlier.nonce) AS what, 'event:' || claim.id AS subject
    FROM trading_event claim CROSS JOIN LATERAL (
        SELECT (e.inputs->>'nonce')::numeric AS nonce FROM trading_event e
        WHERE coalesce(e.account_id, 0) = coalesce(claim.account_id, 0) AND e.seq < claim.seq
          AND e.to_status = 'submitting' AND e.inputs ->> 'nonce' IS NOT NULL
        ORDER BY coalesce(e.account_id, 0) DESC, e.seq DESC LIMIT 1) AS earlier
    WHERE AMONG(claim.id) AND claim.to_status = 'submitting' AND claim.inputs ->> 'nonce' IS NOT NULL
      AND (claim.inputs->>'nonce')::numeric <= earlier.nonce
"""
ONE_UNRESOLVED = """
    SELECT account_id, NULL::bigint AS order_id, format('orders %%s are unresolved at once', string_agg(id::text, ', ' ORDER BY id)) AS what,
           '' AS subject
    FROM trading_order WHERE status = ANY(%(unresolved)s) GROUP BY account_id HAVING count(*) > 1
"""
# However it is spelled, and whoever's account it is: a venue has an id once.
ONE_ORDER_OF_AN_ID = """
    SELECT o.account_id, o.id AS order_id, format('the venue''s %%s is of order %%s, too', o.venue_order_id,
               string_agg(other.id::text, ', ' ORDER BY other.id)) AS what, '' AS subject
    FROM trading_order o
    JOIN trading_account a ON a.id = o.account_id
    JOIN trading_order other ON upper(trim(BOTH FROM other.venue_order_id)) = upper(trim(BOTH FROM o.venue_order_id))
     AND other.venue_order_id IS NOT NULL AND other.id <> o.id
    JOIN trading_account b ON b.id = other.account_id AND lower(b.venue) = lower(a.venue)
    WHERE AMONG(o.id) AND o.venue_order_id IS NOT NULL
    GROUP BY o.id
"""
# Unless a person chose: what is found later wins over nothing that was found before.
ONE_ID_OF_AN_ORDER = """
    SELECT account_id, order_id, format('it was taken for all of %%s', string_agg(DISTINCT name, ', ')) AS what, '' AS subject
    FROM (
        SELECT account_id, order_id, coalesce(inputs ->> 'venue_order_id', inputs ->> 'candidate') AS name
        FROM trading_event
        WHERE AMONG(order_id) AND order_id IS NOT NULL AND to_status = 'open' AND actor NOT LIKE 'user:%%'
    ) AS link
    WHERE name IS NOT NULL GROUP BY account_id, order_id HAVING count(DISTINCT name) > 1
"""
ID_OF_ITS_EVENTS = """
    SELECT o.account_id, o.id AS order_id, format('it says that it is the venue''s %%s, its events say %%s',
               coalesce(o.venue_order_id, 'none'), e.name) AS what, '' AS subject
    FROM trading_order o
    JOIN (
        SELECT DISTINCT ON (order_id) order_id, coalesce(inputs ->> 'venue_order_id', inputs ->> 'candidate') AS name
        FROM trading_event
        WHERE AMONG(order_id) AND order_id IS NOT NULL AND to_status = 'open'
          AND coalesce(inputs ->> 'venue_order_id', inputs ->> 'candidate') IS NOT NULL
        ORDER BY order_id, seq DESC
    ) AS e ON e.order_id = o.id
    WHERE AMONG(o.id) AND e.name NOT LIKE 'trades-%%' AND o.venue_order_id IS DISTINCT FROM e.name
"""
# Acceptances and claims hold the stops' gate shared, a change holds it alone: their events' ids are in order.
STOPPED = """
    WITH change AS MATERIALIZED (
        SELECT id AS since, lead(id) OVER (PARTITION BY inputs ->> 'stop' ORDER BY id) AS until, to_status AS state,
               inputs ->> 'scope' AS scope, inputs ->> 'user' AS stopped_user
        FROM trading_event
        WHERE order_id IS NULL AND type IN ('stop.cleared', 'stop.reduce_only', 'stop.halted') AND inputs ->> 'fence' IS NOT NULL
    )
    SELECT e.account_id, e.order_id, format('it was %%s by event %%s although %%s was %%s by event %%s',
               CASE e.to_status WHEN 'pending' THEN 'accepted' ELSE 'claimed' END, e.id, change.scope, change.state,
               change.since) AS what, 'event:' || e.id AS subject
    FROM change
    JOIN trading_event e ON e.id > change.since AND (change.until IS NULL OR e.id < change.until)
    JOIN trading_order o ON o.id = e.order_id
    JOIN trading_account a ON a.id = o.account_id
    WHERE AMONG(e.id) AND o.origin = 'ours' AND (e.to_status = 'submitting' OR (e.type = 'order.made' AND e.to_status = 'pending'))
      AND (change.state = 'halted' OR (change.state = 'reduce_only' AND o.side = 'buy'))
      AND CASE split_part(change.scope, ':', 1)
          WHEN 'global' THEN true
          WHEN 'user' THEN change.stopped_user = a.user_id::text
          WHEN 'account' THEN split_part(change.scope, ':', 2) = o.account_id::text
          WHEN 'algorithm' THEN split_part(change.scope, ':', 2) = o.algorithm_id::text
              AND (change.stopped_user IS NULL OR change.stopped_user = a.user_id::text)
          WHEN 'coin' THEN split_part(change.scope, ':', 2) = o.coin_type
              AND (change.stopped_user IS NULL OR change.stopped_user = a.user_id::text)
          ELSE false END
"""
LARGEST_ORDER = """
    SELECT o.account_id, o.id AS order_id, format('it was accepted for A$%%s, an order of its account might be worth A$%%s',
               trim_scale(o.quantity * o.valued_price), trim_scale(bound.max_order_aud)) AS what, '' AS subject
    FROM trading_order o CROSS JOIN LATERAL (
        SELECT max_order_aud, set_at FROM trading_limits
        WHERE account_id = o.account_id AND set_at <= o.created_at ORDER BY id DESC LIMIT 1) AS bound
    WHERE AMONG(o.id) AND o.origin = 'ours' AND o.side = 'buy' AND o.status <> 'denied'
      AND bound.set_at < o.created_at AND o.quantity * o.valued_price > bound.max_order_aud + {rounding}
""".replace("{rounding}", ROUNDING_AUD)
SUBMITTING_TOO_LONG = """
    SELECT account_id, id AS order_id, format('its lease ended at %%s', coalesce(lease_until::text, 'no time at all')) AS what,
           '' AS subject
    FROM trading_order WHERE status = 'submitting' AND coalesce(lease_until < %(now)s - %(grace)s, true)
"""
UNKNOWN_TOO_LONG = """
    SELECT o.account_id, o.id AS order_id, format('nobody knows where it is since %%s', e.at) AS what, '' AS subject
    FROM trading_order o CROSS JOIN LATERAL (
        SELECT max(at) AS at FROM trading_event WHERE order_id = o.id AND from_status = 'submitting') AS e
    WHERE o.status = 'unknown' AND coalesce(e.at < %(now)s - %(settle)s - %(grace)s, true)
"""

OF_ORDERS = (
    Invariant("order_sums", ORDER_SUMS, ORDER), Invariant("fill_of_its_order", FILL_OF_ITS_ORDER, FILL),
    Invariant("order_of_its_event", ORDER_OF_ITS_EVENT, EVENT),
    Invariant("fill_event", FILL_EVENT, FILL), Invariant("event_fill", EVENT_FILL, EVENT),
    Invariant("one_fill_of_a_trade", ONE_FILL_OF_A_TRADE, FILL),
    Invariant("state_and_amount", STATE_AND_AMOUNT, ORDER), Invariant("terminal_reserves", TERMINAL_RESERVES, ORDER),
    Invariant("reserves_enough", RESERVES_ENOUGH, ORDER),
    Invariant("reserved", RESERVED), Invariant("paths", PATHS, ORDER), Invariant("last_event", LAST_EVENT, ORDER),
    Invariant("nonces", NONCES, ORDER), Invariant("nonces_rise", NONCES_RISE, EVENT),
    Invariant("one_unresolved", ONE_UNRESOLVED), Invariant("one_order_of_an_id", ONE_ORDER_OF_AN_ID, ORDER),
    Invariant("one_id_of_an_order", ONE_ID_OF_AN_ORDER, ORDER), Invariant("id_of_its_events", ID_OF_ITS_EVENTS, ORDER),
    Invariant("stopped", STOPPED, EVENT), Invariant("largest_order", LARGEST_ORDER, ORDER),
)  # fmt: skip
IN_TIME = (
    Invariant("submitting_too_long", SUBMITTING_TOO_LONG), Invariant("unknown_too_long", UNKNOWN_TOO_LONG),
)  # fmt: skip
