"""Measurements that compare truyvet with what one would use instead, on the same data, in the same run.

synthetic.py   reproducible visits            results.py   what a measurement says
trace.py       F0 → F1 → F2 against DuckDB    imports.py   from CSV to answerable
province.py    a province in its own figures  adoption.py  its weekly report
"""
