"""What `simulate validate` prints: numbers of others beside ours, written by `experiments/evidence.py`.

`claims.csv` has a line a claim, `cases.csv` the single comparisons behind those that sum many up. The other files are
published facts, copied from `experiments/reference/`, that `simulate validate --live` computes from.
"""
