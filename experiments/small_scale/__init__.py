"""Small models trained for real, by both algorithms: does the ranking by loss hold?"""
