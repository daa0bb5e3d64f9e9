"""The question: what should be trained with these chips, links and days, how, and which loss will it reach?"""
