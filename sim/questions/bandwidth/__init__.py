"""The question: which bandwidth between datacenters does a strategy need?"""
