r"""List phrases and patterns that a word-by-word lexicon would misjudge, each with its valence.

"Cuts target" is bad and "cuts costs" is good, "+5%" has no word at all, and a "stop loss" loses nothing.
Rules are regular expressions without regard to case, tried in order: the first takes the words away from
those after it, so what means nothing stands first and what is longest before what is shorter. Phrases
are parted by ", " and see text whose hyphens are blanks; valences are on the words' scale, -4 to 4.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern and what its match is worth; 0 takes words away that would mislead."""

    valence: float
    pattern: str


def _any_of(phrases: str) -> str:
    return r"\b(?:" + "|".join(" ".join(phrases.split()).rstrip(",").split(", ")) + r")(?!\w)"


# Parts of rules: verbs in the forms that headlines use, what people like to see rise, and what not.
UP = (
    r"(?:rais(?:e|es|ed|ing)|lift(?:s|ed|ing)?|boost(?:s|ed|ing)?|hik(?:e|es|ed|ing)|increas(?:e|es|ed|ing)|"
    r"bump(?:s|ed)?|up(?:s|ped)?(?! to\b)|higher|ris(?:e|es|ing)|rose|risen|jump(?:s|ed|ing)?|climb(?:s|ed|ing)?|"
    r"grow(?:s|ing|n)?|grew|gain(?:s|ed|ing)?|surg(?:e|es|ed|ing)|soar(?:s|ed|ing)?|spik(?:e|es|ed|ing)|"
    r"widen(?:s|ed|ing)?|mount(?:s|ed|ing)?|swell(?:s|ed|ing)?|expand(?:s|ed|ing)?|doubl(?:e|es|ed|ing)|"
    r"accelerat(?:e|es|ed|ing)|balloon(?:s|ed|ing)?)"
)
DOWN = (
    r"(?:cut(?:s|ting)?|lower(?:s|ed|ing)?|reduc(?:e|es|ed|ing)|trim(?:s|med|ming)?|slash(?:es|ed|ing)?|"
    r"drop(?:s|ped|ping)?|fall(?:s|ing|en)?|fell|declin(?:e|es|ed|ing)|down|slip(?:s|ped|ping)?|slid(?:es|ing)?|"
    r"eas(?:e|es|ed|ing)|cool(?:s|ed|ing)?|narrow(?:s|ed|ing)?|shrink(?:s|ing)?|shrank|decreas(?:e|es|ed|ing)|"
    r"plung(?:e|es|ed|ing)|tumbl(?:e|es|ed|ing)|slump(?:s|ed|ing)?|sink(?:s|ing)?|sank|"
    r"withdraw(?:s|n|ing)?|withdrew|pull(?:s|ed)|suspend(?:s|ed|ing)?|scrap(?:s|ped|ping)?|halt(?:s|ed)?)"
)
WELCOME = (
    r"(?:price targets?|targets?|pt|guidance|outlooks?|forecasts?|estimates?|views?|dividends?|payouts?|"
    r"distributions?|earnings|eps|profits?|revenues?|sales|margins?|production|output|shipments?|orders|"
    r"exports?|imports|spending|hiring|jobs|payrolls|credit ratings?|demand|growth|prices?|shares?|stocks?|"
    r"stake|futures|buybacks?|confidence|sentiment|pmis?|gdp|traffic|subscribers|users|deliveries|bookings)"
)
UNWELCOME = (
    r"(?:costs?|expenses|debts?|unemployment|jobless claims|claims|loss(?:es)?|deficits?|inflation|defaults?|"
    r"delinquenc(?:y|ies)|layoffs|job cuts|infections|cases|death tolls?|deaths|tariffs?|bankruptc(?:y|ies)|"
    r"inventor(?:y|ies)|stockpiles|risks?|fears|concerns|tensions|worries|taxes|short interest|volatility|"
    r"outflows|liquidations|job losses|foreclosures|selling pressure)"
)
# Words between verb and noun, but never across a reason: "shares slip over concerns" lowers no concerns.
FEW = r"(?:(?!(?:over|on|amid|after|as|due|despite|with|from|but|and|while|because) )[\w'$.&]+ ){0,3}?"
ABOUT = r"(?:about |around |nearly |almost |over |more than |roughly |approximately |another |by |as much as |~ ?)?"
PERCENT = r"[$€£]?\d[\d,.]*(?: ?%| percent| pct| bps|x\b)"
AMOUNT = r"[$€£]?\d[\d,.]*(?: ?%| percent| pct|x\b| cents?| points?| pts)?"

MEANINGLESS = r"""
stop loss(?:es|ed)?, short(?:er)? term, long(?:er)? term, long time, long run, long ago, how long, as long as,
so long, before long, all day long, in short, short of, short sell(?:er|ers|ing), short notice,
earnings calls?, conference calls?, call transc\w*, calls? for, good luck, hedge funds?, mutual funds?,
great recession, risk management, risk free, credit risk, interest rates?, never been more,
rates? (?:cuts?|hikes?|increases?|decision), (?:cut|raise|hike|lower|hold|keep)s? (?:interest )?rates, record date,
best buy, am best, high yield, yield curve, lower house, lower court, holdings? (?:inc|corp|company|ltd|plc|group),
holding company, profit and loss, buy(?:ing)? or sell(?:ing)?, (?:bulls?|bears?) (?:and|or|vs) (?:bears?|bulls?),
hold(?:s|ing)? (?:a |the |its |an )?(?:meeting|call|conference|license|operating license|hearing|talks|briefing)s?,
to buy(?= (?-i:[A-Z])), to sell(?= (?-i:[A-Z])), buys(?= (?-i:[A-Z])), this fall, climate change, capital gains?,
crude oil, good (?:morning|night|evening), drop off, drop in at, green (?:energy|bonds?|card|new deal), red cross,
exit polls?, non profit, not for profit, stress tests?, black friday, bull case scenario, bear case scenario,
pros and cons, hits? (?:the )?(?:market|stores|shelves), stock options?, over the counter, bear in mind,
gainers and losers, winners and losers, stop (?:buying|selling), reverse stock split, loss prevention,
(?:adding|added) that, added to the, gain access
"""

GOOD = r"""
to (?:the|da) moon, all time highs?, new (?:all time )?highs?, record highs?, 52 ?(?:wk|week) (?:new )?highs?,
multi year highs?, higher highs?, higher lows?, golden cross,
record (?:annual |quarterly |(?:first|second|third|fourth) quarter )?(?:sales|revenues?|profits?|earnings|quarter|results),
bull (?:runs?|markets?|flags?|trends?|pennant|thesis|camp|case), cup (?:and|&|/) ?handle, inverse head and shoulders,
double bottoms?, short squeeze, shorts? (?:squeezed|covering|burn(?:ed|ing)?|trapped|getting killed|in trouble),
buy(?:ing)? (?:the |this |every )?dips?, buy(?:ing)? (?:opportunity|signal|rating|pressure|zone|volume), strong buys?,
golden opportunity, diamond hands?, alt ?season, rocket ship,
beats? (?:on )?(?:the )?(?:estimates?|expectations|consensus|forecasts|views|street|analysts?|by|top|revenues?|eps|earnings),
(?:tops?|topped|topping) (?:[\w,]+ ){0,4}(?:estimates?|expectations?|consensus|forecasts?|views?|street),
(?:above|ahead of) (?:expectations|estimates|consensus|forecasts), better than (?:expected|feared|forecast),
(?:upgrade[ds]?|raised|reiterated|started|initiated|resumed|reinstated|assumed)(?: \w+){0,3} (?:to|at|as|with)(?: an?)? (?:strong |sector |market |conviction )?(?:buy|outperform|overweight|positive|accumulate|add),
(?:buy|outperform|overweight) rating, upgraded (?:to|at|by), rating raised,
going (?:up|higher|parabolic|long|all in), goes? (?:up|higher|long), went (?:up|long),
(?:way|all the way|keeps going|straight) up, gap(?:s|ping|ped)? up, blast off, ready to (?:pop|run|fly|explode|launch),
break(?:s|ing)? out, broke out, back above, bottom is in, off (?:the|its) lows, bounce(?:d|s)? (?:off|back),
approv(?:al|ed) of (?:\w+ )?etf, etf (?:is |gets |wins )?approv(?:al|ed), fda (?:approv\w+|clear\w+|nod|green light),
(?:wins?|won|receives?|gets?|secures?) (?:\w+ ){0,3}(?:approval|clearance|contract|award|nod|license),
new (?:\w+ )?(?:license|contract|partnership), (?:share|stock) (?:buyback|repurchase)s?, meets? (?:primary|main) endpoints?,
positive (?:data|results|topline|trial|phase|outlook|surprise), promising (?:data|results),
revises? outlooks? to (?:positive|stable), rais(?:es|ed|ing) the bar,
hedge funds are (?:buying|optimistic|bullish|crazy), insiders? (?:buying|loading|bought), loading up, load the boat,
back the truck up, stands? out, easy money, let'?s go+,
(?:buy|buying|bought|loading|grab|grabbed|holding|got) (?:some |more )?calls, calls (?:bought|printing)
"""

BAD = r"""
dead cat bounces?, death cross(?:es)?, bear cross(?:es)?, bear (?:markets?|flags?|trends?|raids?|camp|thesis|case),
(?<!inverse )head and shoulders, double tops?, bull traps?, dead money, pump(?:s|ed|ing)? (?:and|&|n) dump(?:s|ed|ing)?,
rug ?pull(?:s|ed|ing)?, exit scams?, bag ?hold(?:er|ers|ing), paper hands?, ponzi schemes?, stop hunt, cash grab,
(?:all time|new|record|multi year) lows?, 52 ?(?:wk|week) (?:new )?lows?, lower lows?, lower highs?, top is in,
give up (?:all )?(?:of )?(?:its|their) gains, sell ?offs?,
sell(?:ing)? (?:signal|rating|pressure|off|everything|asap|now|the (?:news|rip|rally|pop))s?,
short (?:positions?|this|it|here|now|entry|setup|opportunity|from|signal|swing|the), hold(?:ing)? short,
(?:go|going|went|am|i'm|im|stay) short, short(?:ed|ing) (?:this|it|more|here|again),
(?:buy|buying|bought|loading|grab|grabbed|holding|load|long|got) (?:some |more )?puts?, puts? (?:bought|printing),
free fall(?:ing)?, going (?:down|lower|to zero|to 0|under|bankrupt|to crash|to tank|broke), goes? (?:down|lower|under),
went (?:down|under), go under, (?:way|all the way|straight|keeps going) down, gap(?:s|ping|ped)? down,
break(?:s|ing) down, broke down, blood ?bath, melt(?:s|ing)? down, falling knife, take (?:a )?profits?,
miss(?:es|ed)? (?:on )?(?:the )?(?:\w+ ){0,2}(?:estimates?|expectations|consensus|forecasts|views|street|by|revenues?|eps|earnings|top|bottom),
(?:below|short of|under|trails) (?:expectations|estimates|consensus|forecasts|views),
(?:worse|weaker|lower) than (?:expected|feared|forecast), profit warnings?, red alert,
(?:cuts?|downgrade[ds]?|lowered|started|initiated|resumed|reiterated)(?: \w+){0,3} (?:to|at|as|with)(?: an?)? (?:strong |sector |market )?(?:sell|underperform|underweight|reduce|negative|hold|neutral|equal weight|perform|in line),
downgraded (?:to|at|by), (?:sell|underperform|underweight) rating, rating (?:cut|lowered), cools? on, sours? on,
(?:public|secondary|share|stock|equity|registered direct|common stock) (?:\w+ )?offering, convertible (?:senior )?notes,
class action, job (?:loss(?:es)?|cuts?), cut(?:s|ting)? (?:\w+ )?jobs, lay(?:s|ing)? off, laid off, chapter 11,
files? for bankruptcy, going concern, write ?(?:down|off)s?,
(?:close|closes|closing|shut|shuts|shutting) (?:\w+ ){0,3}(?:stores?|plants?|factor(?:y|ies)|offices?),
clos(?:e|es|ed|ing) lower, trades? lower, halts? (?:\w+ ){0,3}(?:streak|rally|gains), los(?:t|ing) money,
burn(?:ed|ing|s)? (?:through )?(?:cash|money|\$\w+), trade war, supply chain (?:issues?|disruptions?|problems?),
slow(?:er|est|ing|s)? (?:economic )?growth, running out of, hedge funds are (?:selling|dumping|fleeing),
false breakouts?, failed breakouts?, bubble (?:burst|pop)s?, house of cards, don't (?:buy|be fooled|fall for),
stay away, get out, run away, los(?:t|ing) (?:all )?(?:hope|faith|confidence|ground), piece of shit
"""

GOOD_EMOJI = "🚀🌙🌕🌛🌝📈🐂🐃🦬💎🤑💰💵💸🔥🙌👍💪🎉🥳✅🟢💚🍀🏆👏😍😎🤩💯⬆↗🔼"
BAD_EMOJI = "📉🐻🩸💀☠⚰🔻🔴🚨💩🤡😡🤬😱👎⬇↘🔽🤮🗑😒"
OTHER_EMOJI = "😂🤣"  # the library would read "tears" and "joy"

# `cashtag` is what the text has in place of one.
RULES = (
    Rule(0, _any_of(MEANINGLESS)),
    Rule(2.6, _any_of(GOOD)),
    Rule(-2.6, _any_of(BAD)),
    Rule(2.0, r"\bcashtag (?:[$\d./]+\w? )*calls?\b"),
    Rule(-2.0, r"\bcashtag (?:[$\d./]+\w? )*puts?\b"),
    Rule(-2.0, rf"\b{UNWELCOME} {FEW}{UP}(?!\w)|\b(?:{UP}|record|new|more) {FEW}{UNWELCOME}(?!\w)"),
    Rule(1.8, rf"\b{UNWELCOME} {FEW}{DOWN}(?!\w)|\b{DOWN} {FEW}{UNWELCOME}(?!\w)"),
    Rule(2.5, rf"\b{WELCOME} {FEW}{UP} {ABOUT}{AMOUNT}|\b{UP} {FEW}{WELCOME}(?!\w)"),
    Rule(-2.5, rf"\b{WELCOME} {FEW}{DOWN} {ABOUT}{AMOUNT}|\b{DOWN} {FEW}{WELCOME}(?!\w)"),
    Rule(2.5, rf"\b{UP} {ABOUT}{PERCENT}|(?<![\w.%-])\+ ?{PERCENT}"),
    Rule(-2.5, rf"\b{DOWN} {ABOUT}{PERCENT}|(?<![\w.%)])- ?{PERCENT}"),
    Rule(2.5, rf"\b{WELCOME} {FEW}{UP}(?!\w)"),
    Rule(-2.5, rf"\b{WELCOME} {FEW}{DOWN}(?!\w)"),
    Rule(-2.0, r"\b(?:unemployment|jobless(?:ness)?|eps of -|(?:net|operating) loss(?:es)?)"),
    Rule(2.0, f"[{GOOD_EMOJI}]"),
    Rule(-2.0, f"[{BAD_EMOJI}]"),
    Rule(0, f"[{OTHER_EMOJI}]"),
)
