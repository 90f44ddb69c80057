"""Say what kind of event an announcement is; pure.

The most specific rule wins, never the first substring: the rules are tried in order, and a rule stands
above those whose words its own texts also contain ("Delisting of X" holds "listing"; "Scheduled
maintenance: new wallet added" holds "added"). The title decides; when it says nothing, the beginning of
the body may name a grave event or a listing, but no more: bodies mention everything ("our hours are
listed below", "new terms").
Declined: scoring words and taking the heaviest, which cannot say why it decided.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

BODY_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Kind:
    """An event type with its impact (1 to 10) and what it means for the coin's price.

    `sentiment` is bullish, bearish or neutral.
    """

    event_type: str
    impact: int
    sentiment: str = "neutral"


DELISTING = Kind("delisting", 8, "bearish")
TRADING_HALT = Kind("trading_halt", 8, "bearish")
SUSPENSION = Kind("suspension", 8, "bearish")
LISTING = Kind("listing", 9, "bullish")
MAINTENANCE = Kind("maintenance", 4)
TRADING_UPDATE = Kind("trading_update", 6)
FEATURE = Kind("feature", 3)
OTHER = Kind("other", 5)

# Parts of rules.
_TRADES = r"(?:trading|trades?|markets?|order ?books?|orders|buys?|buying|sells?|selling|swaps?)"
_TRANSFERS = r"(?:deposits?|withdrawals?|sends?|receives?|transfers?|wallets?|network|staking|services?)"
_FEW = r"(?:[\w'./&$()-]+ ){0,4}?"

_RULES: tuple[tuple[Kind, str], ...] = (
    # The end of a suspension is news of trading, not a suspension.
    (TRADING_UPDATE, r"resum(?:e|es|ed|ing|ption)|re-?enabled?|re-?open(?:s|ed|ing)?|reinstat(?:e|es|ed|ing)|"
                     r"restored|un-?(?:suspended|paused|halted)|"
                     r"(?:suspension|halt|pause) (?:of [\w/-]+ )?(?:\w+ )?(?:is |has been )?(?:lifted|ended|over)|"
                     r"(?:lift(?:s|ed|ing)?|end(?:s|ed)? of) (?:the )?(?:\w+ )?(?:suspension|halt|pause)|back online"),
    # A plan that was dropped: nothing leaves or stops.
    (TRADING_UPDATE, r"(?:not|no longer|won't|will not) (?:be )?(?:de-?list|suspend|halt)\w*|"
                     r"(?:delisting|suspension) (?:of [\w ]+ )?(?:cancelled|canceled|postponed|delayed)"),
    # A coin leaves, whatever else the title lists or adds.
    (DELISTING, r"de-?list(?:s|ed|ing|ings)?|(?:removal|removing|remove[sd]?) (?:of |from )?" + _FEW
                + r"(?:coins?|tokens?|assets?|markets?|pairs?|trading|listings?|coinspot|platform|exchange)|"
                r"(?:no longer|cease[sd]?|ceasing|end(?:s|ing)?|discontinu\w+) " + _FEW
                + r"(?:support(?:ed|ing|s)?|list(?:ed|ing)|available|offered)|support (?:for )?" + _FEW + r"(?:ending|ends|ended)"),
    # Work on the platform: what is off meanwhile, or new afterwards, is its detail.
    (MAINTENANCE, r"maintenance|scheduled (?:outage|downtime|upgrade)|(?:system|server|platform|database) (?:upgrade|update)s?|"
                  r"(?:planned|scheduled) (?:\w+ )?(?:downtime|outage|works?)"),
    # Trading stops; other services stop.
    (TRADING_HALT, rf"{_TRADES} {_FEW}(?:halt(?:s|ed|ing)?|stopp?(?:s|ed|ing)?|frozen|paus(?:e|es|ed|ing))|"
                   rf"(?:halt(?:s|ed|ing)?|freez(?:e|es|ing)|paus(?:e|es|ed|ing)|stopp?(?:s|ed|ing)?) (?:of |to |on |all )?{_FEW}{_TRADES}|"
                   r"trading halts?"),
    (SUSPENSION, r"suspen(?:d|ds|ded|ding|sion|sions)|"
                 rf"{_TRANSFERS} {_FEW}(?:halt(?:s|ed|ing)?|paus(?:e|es|ed|ing)|disabled|unavailable|frozen|offline|stopped)|"
                 rf"(?:halt(?:s|ed|ing)?|paus(?:e|es|ed|ing)|disabl(?:e|es|ed|ing)|freez(?:e|es|ing)) (?:of |on |all )?{_FEW}{_TRANSFERS}"),
    # A listing in so many words, before "zero fees for new listings" is taken for a change of fees.
    (LISTING, r"(?:new )?listings?|(?:newly |now |gets |is |are |be |been |to be )listed|(?:to|will|we) (?:be )?list|lists"),
    # Changes to what is traded already.
    (TRADING_UPDATE, r"token (?:swap|migration|burn|split|redenomination)s?|"
                     r"(?:swap|migration|rebrand|hard ?fork|fork|redenomination|merge|halving|airdrop)(?:s|ing|ed)?|"
                     r"(?:contract|network) (?:swap|migration|upgrade)s?|(?:trading |withdrawal |deposit )?(?:fees?|limits?|spreads?)|"
                     r"tick sizes?|price precision|minimum (?:order|trade|deposit|withdrawal)s?|"
                     r"trading (?:update|changes?|rules?|hours)|order ?book update"),
    # A listing by what happens: something that can be traded is new, added or open.
    (LISTING, r"new (?:coins?|tokens?|assets?|cryptocurrenc(?:y|ies)|markets?|(?:trading )?pairs?)|"
              r"(?:added|adding|adds|welcom(?:e|es|ing)|introducing|launch(?:es|ing)? of) " + _FEW
              + r"(?:coins?|tokens?|assets?|cryptocurrenc(?:y|ies)|markets?|trading pairs?)|"
              r"(?:coins?|tokens?|assets?) (?:have been |has been |are |is |now )?(?:added|available)|"
              r"(?:now|is|are) (?:live|available) (?:for trading|to trade|to buy|on coinspot)|now (?:trading|on coinspot)|"
              r"added to (?:coinspot|the (?:platform|exchange|order ?book))|"
              r"(?:trading|markets?|pairs?) (?:is |are )?(?:now )?(?:live|open|begins|starts|opens|commences)"),
    (FEATURE, r"features?|introducing|launch(?:es|ed|ing)?|new|improv(?:e|es|ed|ing|ements?)|enhance(?:d|ments?)?|app|mobile|"
              r"api|beta|release[sd]?|roll(?:s|ed|ing)? ?out|redesign(?:ed)?|dashboard|bundles?|staking|earn|nfts?|"
              r"recurring buys?|referral|integration|payid|apple pay|google pay|card|tax reports?|two[- ]factor|2fa|"
              r"add(?:s|ed|ing)? support|now (?:available|supports?)|available now"),
    # Only the subject is known.
    (TRADING_UPDATE, r"trading|markets?|order ?books?|deposits?|withdrawals?|otc"),
)  # fmt: skip
_IN_BODIES = (
    *((kind, pattern) for kind, pattern in _RULES if kind in (DELISTING, TRADING_HALT, SUSPENSION)),
    (LISTING, r"(?:now|be|been|is|are) listed on|now available (?:for trading|to (?:trade|buy))"),
)


def _compiled(rules: Iterable[tuple[Kind, str]]) -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])", re.I)) for kind, pattern in rules)


_TITLE_RULES, _BODY_RULES = _compiled(_RULES), _compiled(_IN_BODIES)


def classify(title: str, body: str = "") -> Kind:
    """Give the kind of the announcement: by its title, else by its body, else `other`."""
    return _kind(title, _TITLE_RULES) or _kind(body[:BODY_CHARACTERS], _BODY_RULES) or OTHER


def _kind(text: str, rules: tuple[tuple[Kind, re.Pattern[str]], ...]) -> Kind | None:
    text = " ".join(text.replace("’", "'").split())
    return next((kind for kind, pattern in rules if pattern.search(text)), None)
