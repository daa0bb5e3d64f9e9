"""What chips of one datacenter take to exchange something among themselves, and what their backward pass hides of it."""

import math


class Inside:
    """The network inside one worker's datacenter.

    Args:
      site: the datacenter, as resolved.
      chips: that the worker has there.
      backward_s: backward pass of a mean step, behind which gradients are exchanged; 0: none is [s].
    """

    def __init__(self, site, chips, backward_s):
        net = site.inside
        self.chips, self.backward_s = chips, backward_s
        self.bandwidth, self.latency_s = net.bandwidth_bits_per_s, net.latency_s
        self.node_chips = min(getattr(net, "node_chips", 1), chips)
        self.node_bandwidth = getattr(net, "node_bandwidth_bits_per_s", None) or math.inf

    def half_s(self, size):
        """A reduce-scatter, or an all-gather: node by node, then between nodes; latency left out [s]."""
        if self.chips <= 1:
            return 0.0
        n, bits = self.node_chips, 8 * size
        return bits * (1 - 1 / n) / self.node_bandwidth + bits / n * (1 - n / self.chips) / self.bandwidth

    def scatter_s(self, size):
        return self.half_s(size) + self.latency_s if self.chips > 1 else 0.0

    def all_reduce_s(self, size):
        return 2 * self.half_s(size) + self.latency_s if self.chips > 1 else 0.0

    def shown_s(self, bytes_s, latency_s):
        """What a step still waits for of an exchange that runs behind its backward pass [s]."""
        return latency_s + max(0.0, bytes_s - self.backward_s)

    def hidden_s(self, size):
        """Of an exchange of gradients inside, what runs behind the backward pass [s]."""
        bytes_s = 2 * self.half_s(size)
        return self.latency_s + bytes_s - self.shown_s(bytes_s, self.latency_s) if self.chips > 1 else 0.0


def behind_s(insides, size):
    """Of a whole exchange of gradients among sites, what of both parts inside runs behind the backward pass [s].

    The slowest site sets the pace, with and without.
    """
    whole = [2 * each.scatter_s(size) for each in insides]
    shown = [each.shown_s(2 * each.half_s(size), 2 * each.latency_s) if each.chips > 1 else 0.0 for each in insides]
    return max(whole) - max(shown)


def hidden_by_layer_s(inside, size, parts, layers, step_s, forward_share):
    """Of an exchange of gradients inside, layer by layer, what runs behind the backward pass of a mean step [s].

    Args:
      parts: (lowest layer, share of the bytes), in the order of the backward pass.
      layers: share of the parameters in each layer.
    """
    if inside.chips <= 1:
        return 0.0
    bytes_s = 2 * inside.half_s(size)
    backward_s = step_s * (1 - forward_share)
    free_s = 0.0
    for lowest, share in parts:
        ready_s = backward_s * sum(layers[lowest:])
        free_s = max(free_s, ready_s) + bytes_s * share
    return bytes_s - (free_s - backward_s)
