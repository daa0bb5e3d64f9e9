"""Where does every second of a run go, and what is it sensitive to?"""
