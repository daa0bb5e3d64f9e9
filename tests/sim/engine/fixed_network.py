"""A network for tests of the engine alone."""


class FixedNetwork:
    """Every collective takes its payload in seconds and sends its payload in bytes."""

    def connect(self, env):
        self.env = env
        return self

    def apart(self, collective):
        return None

    def inside_s(self, collective):
        return collective.payload_bytes

    def transfer(self, collective):
        return self.env.timeout(collective.payload_bytes)

    def links(self):
        return ()

    def stalled(self):
        return []

    def credit_s(self):
        return ()

    def crossing_bytes(self, collective):
        return collective.payload_bytes if len(collective.members) > 1 else 0.0

    def sent(self):
        return {}
