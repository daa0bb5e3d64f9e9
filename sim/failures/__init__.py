"""What breaks, what a training run does about it, and what is left of its time: one seeded history at a time.

`hardware` draws what fails and is repaired; `together` and `replicas` are the two ways in which a run goes through such
a history (`rounds` says how replicas go on); `spent` is what came out; `closed_forms` holds the formulas that tests
compare with. Nothing here knows a scenario: how fast some sites train together is given.
"""
