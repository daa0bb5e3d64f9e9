"""The engine: interprets the operations of every worker in simulated time, over whatever network it is given."""
