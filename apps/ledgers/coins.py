"""Find the coins that a text names; pure.

A coin is named by its name ("Bitcoin Cash"), by its symbol with a marker ($LINK, #LINK, (LINK), LINK/USD),
or by its bare symbol in capitals. Everyday words need more than that: a symbol such as ONE or GAS counts
bare only in a text that also talks about crypto, and a name such as "Stellar" only there and capitalised.
Longer names win, so that "Ethereum Classic" names ETC and not ETH. Symbols are the venue's present ones;
a coin that was renamed is known by its former symbols too.
Declined: every coin of the venue's price list by its symbol, since hundreds of them are English words.
"""

import re
from dataclasses import dataclass
from functools import cache

JUDGED_CHARACTERS = 10_000


@dataclass(frozen=True, slots=True)
class Coin:
    """A coin and the words that mean it.

    `names` count in any case, `proper` ones capitalised, `loose` ones capitalised beside crypto.
    `everyday` says that the symbol is a word or another abbreviation too.
    """

    symbol: str
    names: tuple[str, ...]
    proper: tuple[str, ...]
    loose: tuple[str, ...]
    everyday: bool


def _coin(symbol: str, names: str = "", loose: str = "", *, proper: str = "", everyday: bool = False) -> Coin:
    def listed(given: str) -> tuple[str, ...]:
        return tuple(given.split(", ")) if given else ()

    return Coin(symbol, listed(names), listed(proper), listed(loose), everyday)


_TABLE = (
    # The largest.
    _coin("BTC", "Bitcoin, Bitcoins, XBT"),
    _coin("ETH", "Ethereum, Ether"),
    _coin("XRP", "Ripple Labs", proper="Ripple"),
    _coin("USDT", "Tether USD", proper="Tether"),
    _coin("USDC", "USD Coin"),
    _coin("BNB", "Binance Coin, Binance Smart Chain, BNB Chain, BNB Smart Chain"),
    _coin("SOL", "Solana", everyday=True),
    _coin("ADA", "Cardano", everyday=True),
    _coin("DOGE", "Dogecoin, Doge coin"),
    _coin("TRX", "Tronix, Tron Network", proper="Tron"),
    _coin("TON", "Toncoin, The Open Network", everyday=True),
    _coin("DOT", "Polkadot", everyday=True),
    _coin("POL", "Polygon Ecosystem Token", "Polygon", everyday=True),
    _coin("MATIC"),
    _coin("LTC", "Litecoin, Litecoins"),
    _coin("BCH", "Bitcoin Cash, Bcash"),
    _coin("BSV", "Bitcoin SV, Bitcoin Satoshi Vision"),
    _coin("BTG", "Bitcoin Gold"),
    _coin("XLM", "Stellar Lumens, Stellar Lumen, Stellar Network", "Stellar, Lumens"),
    _coin("AVAX", "", "Avalanche"),
    _coin("SHIB", "Shiba Inu"),
    _coin("PEPE", "Pepecoin", "Pepe"),
    _coin("SUI", "Sui Network, Sui Blockchain", "Sui", everyday=True),
    _coin("APT", "Aptos", everyday=True),
    _coin("ARB", "Arbitrum", everyday=True),
    _coin("OP", "OP Mainnet, Optimism Network", everyday=True),
    _coin("NEAR", "Near Protocol", everyday=True),
    _coin("ATOM", "Cosmos Hub", "Cosmos", everyday=True),
    _coin("ICP", "Internet Computer, Dfinity"),
    _coin("FIL", "Filecoin"),
    _coin("ETC", "Ethereum Classic", everyday=True),
    _coin("HBAR", "Hedera, Hedera Hashgraph"),
    _coin("HYPE", "Hyperliquid", everyday=True),
    _coin("KAS", "Kaspa"),
    _coin("TAO", "Bittensor", everyday=True),
    _coin("RENDER", "Render Network, Render Token", everyday=True),
    _coin("INJ", "", "Injective"),
    _coin("TIA", "", "Celestia"),
    _coin("SEI", "Sei Network", "Sei", everyday=True),
    _coin("IP", "Story Protocol", everyday=True),
    _coin("WLD", "Worldcoin"),
    _coin("TRUMP", "Official Trump", everyday=True),
    _coin("BONK"),
    _coin("WIF", "dogwifhat", everyday=True),
    _coin("FLOKI", "Floki Inu", "Floki"),
    _coin("PENGU", "Pudgy Penguins"),
    _coin("ONDO", "Ondo Finance"),
    _coin("JUP", "Jupiter Exchange", everyday=True),
    _coin("CRO", "Cronos"),
    _coin("MNT", "", "Mantle", everyday=True),
    # Finance on chains.
    _coin("LINK", "Chainlink", everyday=True),
    _coin("UNI", "Uniswap", everyday=True),
    _coin("AAVE"),
    _coin("MKR", "MakerDAO"),
    _coin("DAI", "", everyday=True),
    _coin("COMP", "Compound Finance", everyday=True),
    _coin("SNX", "Synthetix"),
    _coin("CRV", "Curve DAO, Curve Finance"),
    _coin("LDO", "Lido, Lido DAO, Lido Finance"),
    _coin("SUSHI", "SushiSwap", everyday=True),
    _coin("CAKE", "PancakeSwap", everyday=True),
    _coin("YFI", "Yearn Finance, Yearn.finance"),
    _coin("1INCH", "1inch Network"),
    _coin("BAL", "", "Balancer", everyday=True),
    _coin("GMX"),
    _coin("DYDX"),
    _coin("PENDLE"),
    _coin("RUNE", "THORChain", everyday=True),
    _coin("GRT", "The Graph Protocol", "The Graph"),
    _coin("ENS", "Ethereum Name Service", everyday=True),
    _coin("ZRX", "0x Protocol"),
    _coin("KNC", "Kyber Network"),
    _coin("LRC", "Loopring"),
    # Games, media and the web.
    _coin("MANA", "Decentraland", everyday=True),
    _coin("SAND", "", "The Sandbox", everyday=True),
    _coin("AXS", "Axie Infinity"),
    _coin("ENJ", "Enjin, Enjin Coin"),
    _coin("CHZ", "Chiliz"),
    _coin("GALA", "Gala Games", everyday=True),
    _coin("IMX", "Immutable X"),
    _coin("APE", "ApeCoin", everyday=True),
    _coin("FLOW", "", everyday=True),
    _coin("THETA", "Theta Network", "Theta", everyday=True),
    _coin("BAT", "Basic Attention Token", everyday=True),
    _coin("FET", "Fetch.ai, Artificial Superintelligence Alliance"),
    _coin("AGIX", "SingularityNET"),
    _coin("LPT", "Livepeer"),
    # Older chains.
    _coin("XMR", "Monero"),
    _coin("DASH", "", "Dash", everyday=True),
    _coin("ZEC", "Zcash"),
    _coin("EOS"),
    _coin("IOTA", "MIOTA, Iota Foundation", "Iota"),
    _coin("NEO", "Neo Blockchain, Antshares", "Neo"),
    _coin("GAS", "", everyday=True),
    _coin("XTZ", "Tezos"),
    _coin("ALGO", "Algorand", everyday=True),
    _coin("VET", "VeChain", everyday=True),
    _coin("XEM", "New Economy Movement", "NEM"),
    _coin("QTUM"),
    _coin("LSK", "Lisk"),
    _coin("OMG", "OmiseGO, OMG Network", everyday=True),
    _coin("WAVES", "Waves Platform", everyday=True),
    _coin("ONE", "Harmony One, Harmony Protocol", everyday=True),
    _coin("KSM", "Kusama"),
    _coin("S", "Sonic Labs", everyday=True),
    _coin("FTM", "Fantom"),
    _coin("EGLD", "MultiversX, Elrond"),
    _coin("STX", "Stacks Network", "Stacks"),
    _coin("CFX", "", "Conflux"),
    _coin("ZIL", "Zilliqa"),
    _coin("ICX"),
    _coin("ONT", "", "Ontology"),
    _coin("DCR", "Decred"),
    _coin("DGB", "DigiByte"),
    _coin("RVN", "Ravencoin"),
    _coin("SC", "Siacoin", everyday=True),
    _coin("XVG", "", "Verge"),
    _coin("XNO", "XRB, RaiBlocks, Nano Currency"),
    _coin("STRAX", "Stratis, STRAT"),
    _coin("POWR", "Power Ledger, PowerLedger"),
    _coin("LUNC", "Terra Classic, Terra Luna Classic"),
    _coin("LUNA", "Terra Luna", everyday=True),
    _coin("KEY", "SelfKey", everyday=True),
    _coin("ANKR"),
    _coin("ROSE", "Oasis Network", everyday=True),
    _coin("MINA", "Mina Protocol", everyday=True),
    _coin("KDA", "Kadena"),
    _coin("XDC", "XDC Network"),
    _coin("QNT"),
    _coin("JASMY", "JasmyCoin"),
)

COINS = {coin.symbol: coin for coin in _TABLE}
"""Every coin that we look for, by its symbol."""

# What looks like a coin and is none; its words are taken away first.
_DECOYS = (
    r"https?:\S+|\bwww\.\S+|(?<!\w)@\w+|\br/\w+|\b[\w-]+\.(?:com|org|net|io)\b\S*",
    r"(?-i:\bETC\.|\bEtc\b)|\bS&P\b|\bop-eds?\b|\bIP (?:address(?:es)?|rights|theft|lawyers?|law)\b",
    r"\bbitcoin (?:private|diamond|suisse)\b|\bripple (?:effects?|through|across)\b|\bverge of\b|\bavalanche of\b",
    r"\bstellar (?:performance|gains?|results?|returns?|run|start|growth|quarter|year|week|month|rally|earnings)\b",
    r"\b(?:the|a|an|this|that|which|any|each|every|no|my|your|our) (?:one|link|key|gas)\b",
    r"\bone (?:of|more|day|thing|time|year|month|week|coin|crypto|last|single|big|man|person|million|billion)\b",
    r"\bkey (?:levels?|to|supports?|resistance|takeaways?|points?|metrics?|reasons?|support|dates?|events?)\b",
    r"\blink (?:in|to|below|here)\b|\bgas (?:fees?|prices?|limits?|costs?|wars?|stations?)\b|\btons? of\b",
    r"\bnear (?:the|a|an|all|term|record|future|\$?\d)\b|\b(?:private|public) keys?\b",
)
_CONTEXT = re.compile(
    r"\b(?:crypto\w*|(?:alt|meme|stable)?coins?|altseason|tokens?|tokeni[sz]\w+|blockchains?|defi|nfts?|wallets?|"
    r"staking|stakers?|mainnet|testnet|airdrops?|dexs?|web3|hodl\w*|icos?|dapps?|smart contracts?|layer[- ][12]|"
    r"proof[- ]of[- ]\w+|binance|coinbase|kraken|bybit|okx|kucoin|coinspot|bitfinex|bittrex|hard ?forks?|halving|"
    r"validators?|consensus|on-?chain|satoshis?)\b",
    re.I,
)
_MARKED = re.compile(
    r"[$#]([A-Za-z0-9]{1,10})\b|(?<!\w)\(([A-Z0-9]{1,10})\)|"
    r"\b([A-Z0-9]{1,10})(?=[/-](?:USDT?|USDC|AUD|EUR|GBP|BTC|ETH|PERP)\b)"
)
_WORD = re.compile(r"[A-Za-z]{2,}")
_BARE = re.compile(r"(?<![\w$#&.'’])[A-Z0-9]{1,10}(?![\w&]|['’](?!s\b))")


def mentions(text: str) -> tuple[str, ...]:
    """Give the symbols of the coins that `text` names, sorted."""
    text = _decoys().sub(" ", text[:JUDGED_CHARACTERS])
    found, text = _named(text)
    marked = {next(filter(None, groups)).upper() for groups in _MARKED.findall(text)} & COINS.keys()
    bare = set(_BARE.findall(text)) & COINS.keys()
    found |= marked | {symbol for symbol in bare if not COINS[symbol].everyday}
    if found or _CONTEXT.search(text):
        found |= _loosely_named(text)
        if not _shouts(text):
            found |= bare
    return tuple(sorted(found))


def _named(text: str) -> tuple[set[str], str]:
    """Give the coins named beyond doubt, and the text without those names."""
    pattern, symbols = _names()
    found: set[str] = set()

    def take(match: re.Match[str]) -> str:
        found.add(symbols[match[0].lower()])
        return " "

    return found, pattern.sub(take, text)


def _loosely_named(text: str) -> set[str]:
    pattern, symbols = _loose_names()
    return {symbols[name.lower()] for name in pattern.findall(text)}


def _shouts(text: str) -> bool:
    """Tell whether capitals mean nothing here, because most other words have them too."""
    words = [word for word in _WORD.findall(text) if word not in COINS]
    return 2 * sum(map(str.isupper, words)) > len(words)


@cache
def _decoys() -> re.Pattern[str]:
    return re.compile(rf"(?<![$#])(?:{'|'.join(_DECOYS)})", re.I)


@cache
def _names() -> tuple[re.Pattern[str], dict[str, str]]:
    symbols = {name.lower(): coin.symbol for coin in _TABLE for name in coin.names + coin.proper}
    free = _alternatives([name for coin in _TABLE for name in coin.names])
    proper = _alternatives([form for coin in _TABLE for name in coin.proper for form in (name, name.upper())])
    return re.compile(rf"(?<!\w)(?:(?i:{free})|{proper})(?!\w)"), symbols


@cache
def _loose_names() -> tuple[re.Pattern[str], dict[str, str]]:
    names = [name for coin in _TABLE for name in coin.loose]
    symbols = {name.lower(): coin.symbol for coin in _TABLE for name in coin.loose}
    pattern = _alternatives(names + [name.upper() for name in names])
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)"), symbols


def _alternatives(names: list[str]) -> str:
    """Match any of `names`, the longest that fits."""
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
