"""The overhead of exchanges and the rates of links, fitted to what somebody measured."""
