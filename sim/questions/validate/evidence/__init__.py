"""The evidence of `simulate validate`: numbers of others beside ours, written by `experiments/evidence.py`.

`claims.csv` has one line for each claim, `cases.csv` the single comparisons behind claims about many. The other files
are published facts, copied from `experiments/reference/`, from which `simulate validate --live` computes.
"""
