"""Reports as they are handed out: CSV, a table for a terminal, a page for printing; in Vietnamese and in English.

adoption.py   the forms of the weekly adoption report      words.py   what they say, both languages side by side
campaign.py   the forms of the figures of calling campaigns
sites.py      the forms of the report of quarantine sites
"""
