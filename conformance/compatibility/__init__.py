"""docs/compatibility.md from what a run shows: members of the service model, a verdict on each, a proof of each verdict.

`verdicts/` says what is claimed, `page.md` is the page around the tables; `test_compatibility.py` proves and compares.
"""
