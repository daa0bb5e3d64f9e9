"""Runs one case inside SimGrid; started by check.py under the Python that SimGrid was built for.

Standard input: JSON, {"links": [{"name", "bytes_per_s", "latency_s"}], "hosts": [name], "routes": [{"from", "to",
"links"}], "flows": [{"from", "to", "bytes", "start_s", "after_s"}]}. Standard output: JSON, the finish of
each flow [s].
Uses SimGrid and the standard library only.
"""

import json
import sys

import simgrid

CONFIGURATION = (
    "--cfg=network/model:CM02",  # flow-level max-min sharing, latency-factor and bandwidth-factor 1
    "--cfg=network/TCP-gamma:0",  # no cap by a TCP window
    "--cfg=network/crosstraffic:0",  # acknowledgements take nothing on the way back
    "--cfg=contexts/factory:thread",
    "--log=root.threshold:error",
)


def finishes(case: dict) -> list:
    """When each flow of the case was delivered [s]."""
    engine = simgrid.Engine([sys.argv[0], *CONFIGURATION])
    zone = simgrid.NetZone.create_full_zone("world")
    hosts = {name: zone.create_host(name, 1e9) for name in case["hosts"]}
    links = {
        link["name"]: zone.create_link(link["name"], link["bytes_per_s"]).set_latency(link["latency_s"]).seal()
        for link in case["links"]
    }
    for route in case["routes"]:
        way = [simgrid.LinkInRoute(links[name]) for name in route["links"]]
        zone.add_route(hosts[route["from"]].netpoint, hosts[route["to"]].netpoint, None, None, way, False)
    zone.seal()
    ends = [None] * len(case["flows"])

    def send(position: int) -> None:
        flow = case["flows"][position]
        simgrid.this_actor.sleep_until(flow["start_s"])
        simgrid.Comm.sendto(hosts[flow["from"]], hosts[flow["to"]], flow["bytes"])
        ends[position] = simgrid.Engine.clock + flow["after_s"]

    for position, flow in enumerate(case["flows"]):
        simgrid.Actor.create(f"flow{position}", hosts[flow["from"]], send, position)
    engine.run()
    return ends


if __name__ == "__main__":
    print(json.dumps(finishes(json.load(sys.stdin))))
