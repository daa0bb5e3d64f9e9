"""Which bandwidth between datacenters does a strategy need?"""
