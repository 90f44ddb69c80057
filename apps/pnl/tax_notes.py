"""Say what the tax report is and what it leaves to a person; pure."""

ESTIMATE = "Estimate"
DISCLAIMER = (
    "This is an estimate from the trades that this account knows of. It is not tax advice and not a tax "
    "return; have it checked by a registered tax agent or against the ATO's guidance before you rely on it."
)
NOTES = (
    "For one account of an individual who is an Australian resident all the time and holds coins as an "
    "investment. Companies, trusts, super funds, traders in business, and foreign or temporary residents "
    "are taxed by other rules.",
    "The year and the 12 months are counted in days of the account's time zone. Neither the day of "
    "acquisition nor the day of disposal counts towards the 12 months.",
    "Coins are taken first in, first out within each book. The buying fee is part of the cost base, the "
    "selling fee is taken off the proceeds; both carry their GST.",
    "Losses come off the gains that are discounted least first, which leaves the least to be taxed.",
    "Losses carried in are those of this account's own earlier years; each year's own report says what is "
    "uncertain in it. Losses from elsewhere, and those of other accounts, are not counted.",
    "Coins sent elsewhere are taken to be still the owner's: no disposal. Sent to somebody else, they are one.",
    "Not considered: personal use assets, wash sales, gifts to deductible recipients, gains before residence, "
    "the small business concessions, and rules that go by the day of acquisition.",
)
RECEIVED = {
    "interest": "Ordinary income at its value when received.",
    "staking": "Ordinary income at its value when received.",
    "wages": "Income at its value when received; an employer may have reported it already.",
    "mining": "Income of a business at its value when received; of a hobby it may be none.",
    "airdrop": (
        "Ordinary income at its value when received, for a token that is traded already. An initial allocation "
        "is no income; its cost base is what was paid for it, often nothing."
    ),
    "hardfork": (
        "To an investor, coins from a chain split are no income, and their cost base is nothing. They are counted "
        "here at their value when received, as income and as cost base; have both put right."
    ),
}
"""Kinds of fills by which coins come as income, and how the ATO sees them (its guidance on crypto asset investments)."""
NIL_COST_KINDS = ("airdrop", "hardfork")
