"""Count what happens in each process, and measure what stands in the database, for Prometheus.

Counters of web processes and workers are kept in one file a process (`files`), which whoever is scraped adds
up. What the database and the queues know is read at the scrape (`scrape`), by questions whose cost does not
grow with history.
"""
