"""List the words that say something about a market, by theme, with a valence of -4 to 4.

The library's own lexicon rates everyday feeling; these words overrule it. They are the plain vocabulary
of news, filings, analysts and traders. A theme has one valence, since finer steps would claim more than
is known; where a word stands in two themes, the later one counts. `verbs` are regular and given once;
`words` stand as they are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_DOUBLING = re.compile(r"[^aeiou][aeiou][bdgmnprt]\Z")


@dataclass(frozen=True, slots=True)
class Theme:
    """Words that weigh alike."""

    name: str
    valence: float
    words: str = ""
    verbs: str = ""


THEMES = (
    # Prices and figures in motion.
    Theme(
        "leaps",
        2.6,
        "upswing upsurge uptrend skyrocketing",
        "surge soar rally skyrocket rocket explode moon spike",
    ),
    Theme(
        "rises",
        1.8,
        "rise rises rose risen rising higher highest highs upward upwards upside uptick uptrending green",
        "climb gain jump rebound recover advance pop bounce increase accelerate strengthen",
    ),
    Theme(
        "crashes",
        -2.9,
        "meltdown freefall bloodbath carnage capitulation capitulate capitulated wipeout rout routed",
        "crash plunge plummet collapse crater implode nosedive tumble slump",
    ),
    Theme(
        "falls",
        -1.9,
        """fall falls fell fallen falling sank sunk slid down downturn lower lowest downward downwards
        downside downtrend downtrending pullback selloff losers loser""",
        """drop decline slide slip sink dip retreat decrease tank drag erode shrink weaken worsen
        deteriorate lag bleed""",
    ),
    # Results, guidance and the business.
    Theme(
        "good results",
        2.0,
        """strong stronger strongest strength robust solid resilient profitable profitability profit profits
        profitably momentum tailwind tailwinds upbeat growth record records optimism optimistic confident
        confidence milestone milestones breakthrough breakthroughs approval approved approves promising
        favorable favourable attractive winner winners win wins won award awards awarded successful
        successfully success buyback buybacks repurchase repurchases turnaround booming boom opportunity
        opportunities innovative efficient effectively improvement improvements stable steady""",
        """boost beat exceed surpass outperform outpace improve thrive expand flourish prosper overdeliver
        raise hike lift bolster excel upgrade""",
    ),
    Theme(
        "mild good news",
        1.1,
        """good better positive positively partnership partnerships partner collaboration contract contracts expansion
        bonus accretive synergies secures secured snags lands landed clearance hope hopes hopeful relief
        reopening stimulus settlement stability recovery adoption institutional outstanding dominant moat
        healthy bright brighter ample""",
        "benefit reopen restart sustain ease",
    ),
    Theme(
        "bad results",
        -2.0,
        """weak weaker weakest weakness weaknesses loss losses shortfall deficit miss misses missed missing
        headwind headwinds slowdown slowdowns recession recessionary contraction contracting stagnation
        stagnant stagnating disappointing disappointment disappointed bleak bleaker gloomy gloom grim dismal
        sluggish slower slowest slowing slows unprofitable impairment impairments writedown writedowns
        layoff layoffs glut oversupply underperformance soft softer softness cut cuts cutting
        withdrawn withdrew""",
        """underperform disappoint downgrade slash struggle suffer halt suspend stall falter fail shutter
        delay withdraw reject derail""",
    ),
    Theme(
        "mild bad news",
        -1.1,
        """bad worse risk risks risky riskier uncertain uncertainty uncertainties volatile volatility concern concerns
        worry worries worried worrying fear fears feared anxiety pressure pressures challenges challenging
        warning warnings caution cautious precarious fragile doubt doubts doubtful tension tensions
        threat threats disruption disruptions tariff tariffs dilution dilutive shortage shortages burden
        burdened hurdles obstacles strike strikes closures closing closure shutdown shutdowns slow shut
        shuts shutting negative negatively idle idling idled panic hurt hurts hurting lose loses losing
        lost""",
        "warn disrupt threaten deter dilute hamper hinder impede curb plague scrap",
    ),
    # Law, crime and failure.
    Theme(
        "disasters",
        -2.6,
        """bankrupt bankruptcy bankruptcies insolvent insolvency liquidation liquidations fraud frauds
        fraudulent embezzlement scandal scandals crisis doom doomed catastrophe catastrophic disaster
        disastrous delisting delistings ponzi scammer scammers hacker hackers breach breaches breached
        stolen theft heist laundering worthless""",
        "default delist scam hack exploit liquidate",
    ),
    Theme(
        "legal trouble",
        -1.6,
        """lawsuit lawsuits litigation sue sues sued suing investigation investigations indicted indictment
        charged violation violations violated penalty penalties fined sanctions sanctioned ban bans banned
        banning crackdown crackdowns antitrust misconduct allegations alleged allegedly accused accuses
        accusing illegal illegally outage outages unregistered""",
        "probe subpoena recall",
    ),
    # Investors' stance.
    Theme(
        "bullish stance",
        2.4,
        """bull bullish overweight undervalued underpriced underappreciated oversold breakout breakouts
        accumulation inflow inflows""",
        "accumulate",
    ),
    Theme(
        "bearish stance",
        -2.4,
        """bear bearish underweight overvalued overpriced overbought overextended breakdown breakdowns toppy
        topping overhyped bubble bubbles outflow outflows stagflation bagholder bagholders bagholding
        manipulated fakeout""",
        "dump short",
    ),
    Theme(
        "buying",
        1.3,
        """buy buys buying bought buyers long hold holding loading loaded load adding added add cheap cheaper
        bargain support supported bottom bottomed bottoming runner runners squeeze squeezed squeezing""",
    ),
    Theme(
        "selling",
        -1.4,
        """sell sells selling sold seller sellers resistance overhead expensive lows unload unloading exit
        exited exiting""",
    ),
    # Crypto slang.
    Theme(
        "crypto cheer",
        2.4,
        """moonshot lambo lambos hodl hodling hodler hodlers wagmi gmi gem gems parabolic altseason ath aths
        btfd btd bullrun tendies stonks multibagger tenbagger goat lfg flippening supercycle""",
        "pump",
    ),
    Theme(
        "crypto gloom",
        -2.6,
        """rekt rug rugs rugged rugging rugpull rugpulls shitcoin shitcoins fud ngmi vaporware honeypot
        paperhands jeet jeets dumpster depegged depegging depeg exitscam""",
    ),
    # Praise and abuse in posts.
    Theme(
        "praise",
        1.8,
        """awesome amazing excellent fantastic great huge massive monster beautiful nice nicely excited
        exciting happy congrats congratulations congratz love loving easy gains winning kills crushing
        crushed crushes smashed smashing smashes unstoppable perfect yeah woohoo yay booyah""",
    ),
    Theme(
        "abuse",
        -2.0,
        """hate hated hates trash garbage junk crap crappy shit shitty pos pig turd poop pooped toast rip terrible horrible
        awful ugly pathetic sucks suck sucked worst yikes dying dead die broke broken delusional naive
        fooled fools sucker suckers clown clowns joke pointless useless hyped hype gamblers gambling dog
        dogs lies lying liar liars scary painful pain ouch bleeding bloody rotten sinking wrecked ruined
        screwed bust busted burned burnt burning toxic smh""",
    ),
)

# What the library takes for feeling and finance does not mean so.
NEUTRAL = (
    # Terms of trade.
    """share shares shared sharing crude gross interest interests interested value values valued security
    securities secure asset assets credit credits creditor debt debts debtor fine trust trusts pay paid
    demand demanded demands low sale save saved savings saving safe safety offer offers offered treasury
    treasuries treasurer tender mature maturity capital wealth fund funds reward rewards merger agreement
    agreements agree agreed agrees matter matters number""",
    # Names and their parts.
    """energy united best top natural original limited special specialty solution solutions novel spirit
    giant grand home jewel hero heroes united freedom liberty warfare defense defence robot intelligence
    god golden ideal vital vision visionary care fit fitness gun guns nuclear patent patents""",
    # Sickness as the subject of pharma news and of years of headlines.
    """cancer death deaths died disease diseases infection infected infections illness ill sick sickness virus
    pandemic tumor emergency tears severe severely""",
    # Courtesies, fillers and words of argument.
    """like likes liked liking please thanks thank well sure surely clear clearly clearing ready help helps
    helping helped hand hands hard important importance significant significantly interesting interestingly
    true truth truly wow yes lol lmao ha haha funny kind cool pretty fair fairly dear recommend recommends
    straight feel feels feeling free freely worth wise smart play played player players playing plays
    party parties friend friends fresh war wars fire fired fight fighting fights stop stops stopped alert
    alerts active allow allowed allows create created creates creating creation creative join joined joining
    joins engage engaged engagement committed commit commitment commitments determined desire challenge
    challenged charge charges chance chances block blocks attack attacks argue argues joy promise promised
    protect protected protection protest protests question questions resolve resolved restore restored
    welcome welcomes mock trick tough shock shocks strange stress tired trial treat suspect legal popular
    innovation innovations impact dream dreams faith faithful laugh laughing miracle prison murder murdered complain complained complaining crazy""",
)


def lexicon() -> dict[str, float]:
    """Give every word in all its forms with its valence."""
    valences = dict.fromkeys(" ".join(NEUTRAL).split(), 0.0)
    for theme in THEMES:
        valences |= dict.fromkeys(theme.words.split(), theme.valence)
        for verb in theme.verbs.split():
            valences |= dict.fromkeys(inflected(verb), theme.valence)
    return valences


def inflected(verb: str) -> Iterator[str]:
    """Give a regular verb's forms.

    Which consonants double depends on the stress (dropped, but edited), so both spellings are given.

    >>> list(inflected("drop"))
    ['drop', 'drops', 'droped', 'droping', 'dropped', 'dropping']
    """
    if verb.endswith("y"):
        yield from (verb, f"{verb[:-1]}ies", f"{verb[:-1]}ied", f"{verb}ing")
        return
    stem = verb.removesuffix("e")
    yield verb
    yield f"{verb}es" if verb.endswith(("s", "sh", "ch", "x")) else f"{verb}s"
    yield from (f"{stem}ed", f"{stem}ing")
    if _DOUBLING.search(verb):
        yield from (f"{verb}{verb[-1]}ed", f"{verb}{verb[-1]}ing")
