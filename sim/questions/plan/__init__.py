"""What should be trained, how, and which loss will it reach with these chips, links and days?"""
