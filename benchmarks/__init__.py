"""Measure the product against its floors: `make bench`.

Each row is a ratio to a floor measured in the same run, on a PostgreSQL with production durability,
since milliseconds say more about the machine than about the code. CPU is user + system time of this
process and of its PostgreSQL backend.
"""
