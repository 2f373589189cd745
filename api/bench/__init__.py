"""Measurements that compare truyvet with what one would use instead, on the same data, in the same run.

synthetic.py   a simulated country in the graph    stays.py       its stays, for the alternatives
questions.py   what is asked, what is found        rounds.py      in turn, the best of seven
ours.py        truyvet's own graph                 alternatives/  DuckDB, PostgreSQL, Polars, networkx
trace.py       F0 → F1 → F2, also by size          overlaps.py    at the busiest venue; of many cases
imports.py     from CSV to answerable              rebuild.py     views from the log, restart, memory
bounds.py      where the time goes                 sampling.py    own_memory.py
serve.py       HTTP under load                     country.py     all of a country, once
door.py        live check-ins against a bare service
cases.py       from case to call                   province.py    adoption.py   the weekly report
results.py     what a measurement says             documents.py   written into docs/benchmarks.md
"""
