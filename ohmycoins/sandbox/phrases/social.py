"""What people post about crypto."""

from ohmycoins.sandbox.stories import Phrases

SOCIAL = Phrases(
    moves={
        1: (
            ("{code} up {move} today, are we so back?", "Woke up to green candles everywhere. {name} at {price} and I am still holding."),
            ("{name} just broke out. Told you so 🚀", "Breakout confirmed on the daily, {move} since yesterday. Next stop: the moon."),
            ("Who else bought the {code} dip?", "Loaded up last week and it is already paying off nicely."),
            ("{name} > {other} this week, not even close", "{move} in a day. The chart looks really strong."),
        ),
        -1: (
            ("{code} down {move} and this sub is in shambles", "Everyone was calling for new highs yesterday. Painful dump to {price}."),
            ("Just sold all my {name} at a loss", "I cannot watch this crash any longer. Down {share} overall."),
            ("Another day, another {code} dump", "It keeps bleeding, {move} gone since yesterday. Where is the bottom?"),
            ("Is {name} dead? Asking for a friend", "Volume is terrible and it fell below {price}. I am worried."),
        ),
    },
    events={
        1: (
            ("Finally reached my goal of {days} {code} 🎉", "Took two years of DCA. HODL and ignore the noise, it works."),
            ("{firm} buying {millions} of {name} is huge and nobody talks about it", "Institutional adoption is happening in front of us. Extremely bullish."),
            ("Unpopular opinion: {name} is the most undervalued coin in the top 20", "Great developers, growing usage & low fees. Change my mind."),
            ("The {name} upgrade is amazing, fees dropped to almost nothing", "Sent a transaction this morning and it was instant. Impressive work."),
            ("My local cafe accepts {name} now", "Paid for breakfast with it & it just worked. Love to see adoption like this."),
            ("{name} ETF inflows hit {millions} yesterday", "The big money is coming in. Best news of the week."),
            ("Paid off my car with {code} profits", "Bought in the last bear market, sold {share} today. Happy and grateful, patience won."),
            ("{person}: {name} will outperform in the next cycle", "Strong interview, worth an hour of your time. They see huge growth for {name}."),
            ("{days} days of stacking {code}, a love letter", "Small amounts, every week. Best financial decision I have made."),
            ("{name} developers shipped ahead of schedule, again", "Say what you like about the price, this team delivers. Excellent work."),
            ("Whales are accumulating {code} like crazy", "{millions} left exchanges in {days} days. Supply shock incoming, bullish."),
        ),
        0: (
            ("Q&A: how do you store your {code}?", "Hardware wallet, exchange, or something else? Looking for opinions."),
            ("{name} or {other} for the next five years?", "I can only pick one. What would you do & why?"),
            ("How are crypto swaps taxed in Australia?", "If I swap {code} for another coin <12 months after buying, is that a disposal?"),
            ("Can someone explain {name} staking to me?", "How long are coins locked, and what is the realistic return?"),
            ("What is your exit strategy?", "Do you sell in steps, or wait for a number? Mine is {share} per leg."),
            ("Weekly {name} chart & levels to watch", "Support and resistance as I see them. Not financial advice."),
            ("{firm} appoints {person} to lead its crypto desk", ""),
            ("Beginner here: which exchange is good for buying {code} in AUD?", "I have looked at CoinSpot and two others. Fees & security matter most to me."),
            ("Looking for {name} block explorers & portfolio trackers", "Which ones do you use, and are there any that export to CSV?"),
            ("How many {code} do you consider a full bag?", "No bragging & no judging, just curious."),
            ("AMA announcement: {person} of {firm}", "They will answer questions on {name} here in {days} days."),
            ("Does anyone still run their own {name} node?", "Mine has been up for {days} days. Mostly a hobby."),
            ("What did you read this week about {name}?", "Post links to articles and papers below."),
            ("Moved from {other} to {name}, what should I know?", "I know the basics; wallets & fees are what I am unsure about."),
            ("Cost base question: {code} received as a gift", "Is it the market value on the day (A$ <or US$>), or what the giver paid?"),
            ("S&P 500 vs {name}: correlation over the last {days} days", ""),
        ),
        -1: (
            ("PSA: fake {name} airdrop scam going around", "A friend lost everything. Do not connect your wallet to that site."),
            ("Lost {share} of my portfolio on {code} leverage, do not be like me", "Liquidated twice. Leverage is gambling & I learned it the hard way."),
            ("{name} fees are ridiculous again", "Paid more in fees than I sent. This is why nobody uses it. Terrible."),
            ("{firm} froze my withdrawal of {name}", "Support has been useless for {days} days. I am getting scared. Avoid them."),
            ("Why is nobody talking about the {name} hack?", "{millions} gone from the bridge and the team stays silent. Looks like a rug pull."),
            ("My {code} bag is down {share} and I feel sick", "Bought the top like an idiot. Do not make the same mistake."),
            ("Is {firm} insolvent?", "Withdrawals of {name} are stuck, and the rumours are getting worse. I fear the worst."),
            ("{person} sold {millions} of {code} and called it 'diversification'", "Insiders dumping on retail, as usual. Shameful."),
            ("Stop shilling {name} in every thread", "It is a ghost chain with fake volume. Worst investment I ever made."),
            ("{name} outage AGAIN", "Transactions failing for hours. How is this still a problem? Useless."),
            ("{name} is overvalued and you all know it", "No users, no revenue, just hype. This bubble will collapse."),
        ),
    },
    endings=("", "", "", "Thoughts?", "Thanks in advance!", "Not financial advice.", "What am I missing?", "TL;DR: see title."),
)  # fmt: skip
