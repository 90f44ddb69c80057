"""Fill a database with a year that could have been: `manage.py seed`.

The past is the sandbox's own: its market, its writers and its protocols, each a pure function of the seed
and the instant, written to the ledgers as though collectors had been running all along. So the sandbox's
live prices go on where the past ends, and the same seed gives the same past whenever it is run. People
then trade through that year by the real services (`replay`), so that every figure follows from fills.

What is made up can be told and taken away again (`clear`): entries by `origin=seed`, users by the group
`seeded`, accounts by the event `account.seeded` in their trail.
"""
