"""Headlines and first sentences, as a crypto newsroom writes them."""

from ohmycoins.sandbox.stories import Phrases

NEWS = Phrases(
    moves={
        1: (
            ("{name} surges {move} as buyers return", "{name} rallied {move} in 24 hours to trade near {price}, its strongest session this month."),
            ("{name} breaks out above {price} on strong spot demand", "The breakout gained momentum after {firm} reported heavy spot buying."),
            ("{code} price rally extends with {move} daily gain", "Bulls defended support overnight and pushed {code} higher by {move}."),
            ("Why is {name} up today? Three things to know", "{name} climbed {move}, helped by short liquidations worth {millions}."),
            ("{name} outperforms {other} with a {move} jump", "Traders rotated from {other} into {name}, lifting it to {price}."),
            ("Bulls in control: {name} ({code}) eyes higher highs after {move} advance", "Momentum indicators turned positive and volume rose by {share}."),
        ),
        -1: (
            ("{name} plunges {move} as sellers take over", "{name} dropped {move} in 24 hours to about {price}, wiping out recent gains."),
            ("{name} slides below key support, traders fear a deeper correction", "The decline to {price} triggered liquidations of {millions}."),
            ("{code} price falls {move} amid broad risk-off mood", "Bears pressed their advantage and {code} lost {move}."),
            ("Why is {name} down today? Selling pressure explained", "{name} sank {move} after large holders moved coins to exchanges."),
            ("{name} lags {other} after a {move} sell-off", "Weak demand and outflows of {millions} weighed on {name}."),
            ("Bears in control: {name} ({code}) risks further losses after {move} drop", "Open interest collapsed by {share} as traders cut exposure."),
        ),
    },
    events={
        1: (
            ("{firm} adds {name} to its treasury with {millions} purchase", "The company said that it is bullish on {name} over the long term."),
            ("{name} ETF inflows reach {millions} in a single day", "It is the strongest day of inflows in {days} weeks, according to {firm}."),
            ("{firm} and {name} developers announce partnership on payments", "The partnership should help adoption among merchants, said {person}."),
            ("{name} network upgrade goes live without a hitch", "The upgrade cuts average fees by {share}, a major win for users."),
            ("{name} active addresses hit a record high", "On-chain data by {firm} show that usage grew by {share} since last month."),
            ("Institutional demand for {name} is accelerating, says {firm}", "{person} sees strong growth and improving liquidity."),
            ("{firm} raises its {name} price target, citing adoption", "Analysts called the coin undervalued after its {share} growth in fees."),
            ("Regulator approves {firm} to offer {name} custody", "The approval is a milestone for institutional adoption, lawyers said."),
            ("Stablecoin supply grows again, a positive sign for crypto markets", "Fresh liquidity of {millions} entered the market over the past week."),
            ("{name} whales accumulate {millions} worth of {code}", "Accumulation by large wallets has continued for {days} days."),
        ),
        0: (
            ("{name} trades sideways as the market waits for the Fed", "{name} changed hands at {price}, little changed on the day."),
            ("{name} developers publish roadmap for the second half of the year", "The document lists {days} milestones and asks for feedback."),
            ("What is staking? A guide for holders of {name}", "Staking pays for securing a network; it also ties coins up."),
            ("{firm} names {person} as head of digital assets", "{person} joins from a Sydney bank and starts next month."),
            ("{name} governance vote on fee changes opens", "Voting is open for {days} days, with a quorum of {share}."),
            ("Here is what happened in crypto today", "A look at the day's trends and events in digital assets."),
            ("Markets wrap: {name} holds near {price}, {other} follows", "Volumes were below their monthly average, {firm} said."),
            ("Tax office reminds investors to keep records of crypto trades", "Disposals have to be reported, also where one coin is swapped for another."),
            ("{firm} moves {millions} in {name} between its own wallets", "The transfer was internal, a spokesperson said."),
            ("Conference season: {name} community meets in Melbourne", "About {days} speakers are expected, among them {person}."),
            ("Senate committee sets date for hearing on digital asset bill", "Written submissions close in {days} days."),
        ),
        -1: (
            ("{firm} sues over {name} fund, alleging misleading statements", "The lawsuit claims losses of {millions}."),
            ("{name} bridge hacked, {millions} stolen", "The exploit drained a bridge contract, and the attacker moved funds through {other}."),
            ("{name} ETF outflows reach {millions} as investors pull back", "It is the worst day of outflows in {days} weeks, according to {firm}."),
            ("Regulator warns investors about {name} lending products", "The warning names {firm} and cites the risk of heavy losses."),
            ("{firm} halts {name} withdrawals, citing liquidity problems", "Users fear insolvency after a {share} fall in reserves."),
            ("{name} network suffers outage for the second time this month", "Blocks stopped for hours, a failure that developers blame on a bug."),
            ("{firm} cuts its {name} exposure on weak outlook", "{person} called the coin overvalued and sees a risk of a crash."),
            ("{name} miners and validators under pressure as fees decline", "Revenue fell by {share}, and {firm} shut down part of its operations."),
            ("Crypto scams cost Australians {millions}, police say", "Fraudsters lured victims with fake endorsements."),
            ("{name} whales dump {millions} worth of {code}", "Selling by large wallets has continued for {days} days."),
        ),
    },
    endings=(
        "{person} of {firm} said that the coming days would tell.",
        "Trading volume over 24 hours stood at {millions}.",
        "The wider market was mixed.",
        "Analysts at {firm} pointed to thin liquidity over the weekend.",
        "Neither side commented on request.",
        "Derivatives data show funding rates close to zero.",
        "Market participants now look to next week's inflation figures.",
        "The news was first shared on social media.",
    ),
)  # fmt: skip
