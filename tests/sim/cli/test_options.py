"""Every option of every command changes what is printed: walked by the commands themselves."""

from __future__ import annotations

import csv
import io
import json
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from sim.cli.app import app

SHORT = ["--set", "workload.steps=60"]
BANDWIDTH = ["bandwidth", "--params", "1e9", "--layers", "12", "--step-time", "0.8", "--target", "0.5"]
DILOCO = ["--strategy", "diloco"]
FRAGMENTED = ["--strategy", "streaming-diloco"]
SAVED = ["--scenario", "{scenario}"]
UNEVEN = ["bandwidth", "--topology", "{uneven}", "--workload", "35m", "--strategy", "diloco", "--target", "0.5"]
BUDGET = ["budget", "--topology", "low-bw", "--rule", "equal-chips", *SHORT]
BROKEN = ["--site-mtbf", "2 h", "--histories", "2"]
GOODPUT = ["goodput", *BROKEN, "--for", "6 h", "--topology", "low-bw"]
EXPLAIN = ["explain", *DILOCO, *SHORT]
PLAN = ["plan", "--topology", "h100-two-sites", "--days", "3", "--params", "1e9"]
SERVED = [*PLAN, "--max-latency", "5 s", "--serve-chip", "tpu-v5e"]
LOSSES, SIZES, EXCHANGES, MIXTURES = (
    str(Path(__file__).parent / name) for name in ("losses.csv", "sizes.csv", "exchanges.csv", "mixtures.csv")
)
FIT = ["fit", SIZES, "--form", "power", "--resamples", "9"]
CALIBRATE = ["calibrate", EXCHANGES, "--topology", "{uneven}", "--resamples", "20"]
MIXTURE = ["fit", MIXTURES, "--form", "mixture"]
STEPS = ["fit", LOSSES, "--form", "steps", "--resamples", "2", "--params", "1e10", "--batch-tokens", "1e6"]
IMPORT = ["import", "{log}", "--params", "1e9", "--tokens-per-step", "8192", "--chips", "8"]
LATENCY = ["latency", "--chip", "tpu-v5e", "--shape", "llama-3-70b"]
PREDICT = ["predict", "--params", "1e9"]
STUDENT = [*PREDICT, "--law", "distillation"]
VARIED = ["sweep", "--vary", "compute=1,2", "--workers", "1", "--workload", "10b"]
SWEEP = [*VARIED, "--topology", "low-bw"]
DRAWN = [*SWEEP[:1], *SWEEP[3:], *SHORT, "--draw", "compute=uniform:1:2", "--count", "3"]

# What stands before the option, and what it is given; None for a flag, which is given nothing.
PAIRS: dict[str, tuple[list[str], str | None]] = {
    " --scenario": (SHORT, "{scenario}"),
    " --topology": (SHORT, "medium-bw"),
    " --workload": (["--topology", "low-bw", *DILOCO, *SHORT], "2.4b"),
    " --trace": (SAVED, "35m-diloco-cpu"),
    " --strategy": (SHORT, "diloco:replicas=2,sync_every=7"),
    " --set": (SHORT, "workload.batch_tokens=262144"),
    " --params": (SHORT, "2e9"),
    " --tokens": (["--workload", "10b", *DILOCO], "1e9"),
    " --steps": (["--workload", "10b", *DILOCO], "50"),
    " --chips": (SHORT, "64"),
    " --chip-speed": (SHORT, "200 Tflop/s"),
    " --price-chip-hour": (SHORT, "2"),
    " --price-gb": (SHORT, "0.02"),
    " --mfu": ([*SHORT, "--chip", "h100"], "0.3"),
    " --replicas": ([*DILOCO, *SHORT], "4"),
    " --sync-every": ([*DILOCO, *SHORT], "7"),
    "goodput --set": ([*GOODPUT, *DILOCO, *SHORT], "workload.batch_tokens=262144"),
    "goodput --topology": ([*GOODPUT[:-2], *DILOCO, *SHORT], "medium-bw"),
    "goodput --strategy": ([*GOODPUT, *SHORT], "diloco:replicas=2,sync_every=7"),
    "goodput --scenario": ([*GOODPUT[:-2], *SHORT], "{scenario}"),
    "goodput --workload": ([*GOODPUT, *DILOCO, *SHORT], "2.4b"),
    "goodput --trace": (["goodput", *BROKEN, "--for", "6 h", "--topology", "h100-two-sites", *SAVED], "35m-diloco-cpu"),
    "goodput --params": ([*GOODPUT, *DILOCO, *SHORT], "2e9"),
    "goodput --tokens": (["goodput", *BROKEN, "--topology", "low-bw", "--workload", "10b", *DILOCO], "3e9"),
    "goodput --steps": (["goodput", *BROKEN, "--topology", "low-bw", "--workload", "10b", *DILOCO], "900"),
    "goodput --chips": ([*GOODPUT, *DILOCO, *SHORT], "64"),
    "goodput --mfu": ([*GOODPUT, *DILOCO, *SHORT, "--chip", "h100"], "0.3"),
    "goodput --chip-speed": ([*GOODPUT, *DILOCO, *SHORT], "200 Tflop/s"),
    "goodput --replicas": ([*GOODPUT, *DILOCO, *SHORT], "4"),
    "goodput --sync-every": ([*GOODPUT, *DILOCO, *SHORT], "7"),
    "goodput --mtbf": ([*GOODPUT, *DILOCO, *SHORT], "40 h"),
    "goodput --site-mtbf": (["goodput", *GOODPUT[3:], "--mtbf", "40 h", *DILOCO, *SHORT], "3 h"),
    "goodput --repair": ([*GOODPUT, *DILOCO, *SHORT], "1 h"),
    "goodput --for": (["goodput", *BROKEN, "--topology", "low-bw", "--workload", "10b", *DILOCO], "9 h"),
    "goodput --histories": (["goodput", "--site-mtbf", "2 h", *GOODPUT[5:], *DILOCO, *SHORT], "3"),
    "budget --rule": (["budget", *SHORT], "equal-chips"),
    "budget --set": (["budget", *SHORT], "workload.batch_tokens=262144"),
    "budget --topology": (["budget", *SHORT], "medium-bw"),
    "budget --strategy": (["budget", *SHORT], "diloco:replicas=2,sync_every=7"),
    "budget --scenario": (["budget", *SHORT], "{scenario}"),
    "budget --workload": (BUDGET, "2.4b"),
    "budget --trace": (["budget", "--topology", "h100-two-sites", "--rule", "equal-chips", *SAVED], "35m-diloco-cpu"),
    "budget --target-loss": (BUDGET, "5.5"),
    "budget --unique-tokens": (BUDGET, "2e6"),
    "budget --params": (BUDGET, "2e9"),
    "budget --tokens": (["budget", *BUDGET[1:5], "--workload", "10b", *DILOCO], "1e9"),
    "budget --steps": (["budget", *BUDGET[1:5], "--workload", "10b", *DILOCO], "50"),
    "budget --chips": (BUDGET, "64"),
    "budget --mfu": ([*BUDGET, "--chip", "h100"], "0.3"),
    "budget --chip-speed": (BUDGET, "200 Tflop/s"),
    "budget --replicas": ([*BUDGET, *DILOCO], "4"),
    "budget --sync-every": ([*BUDGET, *DILOCO], "7"),
    "explain --params": (EXPLAIN, "2e9"),
    "explain --tokens": (["explain", "--workload", "10b"], "1e9"),
    "explain --steps": (["explain", "--workload", "10b"], "50"),
    "explain --chips": (EXPLAIN, "64"),
    "explain --mfu": ([*EXPLAIN, "--chip", "h100"], "0.3"),
    "explain --chip-speed": (EXPLAIN, "200 Tflop/s"),
    "explain --replicas": (EXPLAIN, "4"),
    "explain --sync-every": (EXPLAIN, "7"),
    "explain --set": (EXPLAIN, "topology.transport.header=66 B"),
    "explain --topology": (EXPLAIN, "medium-bw"),
    "explain --scenario": (EXPLAIN, "{scenario}"),
    "explain --workload": (EXPLAIN, "2.4b"),
    "explain --trace": (["explain", *DILOCO, *SAVED], "35m-diloco-cpu"),
    "explain --strategy": (["explain", *SHORT], "data-parallel"),
    "explain --flops": (EXPLAIN, None),
    "explain --shape": (EXPLAIN, "llama-3-8b"),
    "explain --sequence-tokens": ([*EXPLAIN, "--workload", "10b"], "8192"),
    "bandwidth --params": (["bandwidth", "--layers", "12", "--step-time", "0.8", "--target", "0.5"], "2e9"),
    "bandwidth --layers": ([*BANDWIDTH, "--overlap", "layers"], "24"),
    "bandwidth --step-time": (BANDWIDTH, "0.4"),
    "bandwidth --strategy": (BANDWIDTH, "diloco:sync_every=7"),
    "bandwidth --target": (BANDWIDTH[:-2], "0.9"),
    "bandwidth --payload-bits": (BANDWIDTH, "4"),
    "bandwidth --payload-factor": (BANDWIDTH, "0.8"),
    "bandwidth --sync-every": ([*BANDWIDTH, *DILOCO], "7"),
    "bandwidth --overlap-steps": ([*BANDWIDTH, *FRAGMENTED], "5"),
    "bandwidth --fragments": ([*BANDWIDTH, *FRAGMENTED], "2"),
    "bandwidth --overlap": ([*BANDWIDTH, "--strategy", "data-parallel"], "none"),
    "bandwidth --datacenters": ([*BANDWIDTH, "--strategy", "data-parallel"], "4"),
    "bandwidth --replicas": ([*BANDWIDTH, *DILOCO], "4"),
    "bandwidth --scenario": (["bandwidth", "--topology", "low-bw", "--target", "0.5", *DILOCO], "{scenario}"),
    "bandwidth --topology": ([*BANDWIDTH, *DILOCO], "{uneven}"),
    "bandwidth --workload": (["bandwidth", "--topology", "low-bw", "--target", "0.5", *DILOCO], "2.4b"),
    "bandwidth --set": (UNEVEN, "topology.transport.exchange_overhead=5 ms"),
    "bandwidth --link": (UNEVEN, "a <-> b"),
    "bandwidth --full": ([*BANDWIDTH, *FRAGMENTED], None),
    "bandwidth --trace": ([*UNEVEN[:3], *UNEVEN[5:], "--scenario", "{scenario}"], "35m-diloco-cpu"),
    "bandwidth --tokens": ([*UNEVEN, "--full"], "3e7"),
    "bandwidth --steps": ([*UNEVEN, "--full"], "50"),
    "bandwidth --chips": (UNEVEN, "64"),
    "bandwidth --mfu": ([*UNEVEN, "--chip", "h100"], "0.3"),
    "bandwidth --chip-speed": (UNEVEN, "200 Tflop/s"),
    "calibrate --topology": (CALIBRATE, "metro-fibre"),
    "calibrate --size": (CALIBRATE, "1 GB"),
    "calibrate --resamples": (CALIBRATE, "40"),
    "calibrate --seed": (CALIBRATE, "1"),
    "compare --topology": (["compare", "35m-diloco-h200"], "low-bw"),
    "fit --form": (FIT, "floor"),
    "fit --huber": (FIT, "inf"),
    "fit --resamples": (FIT, "30"),
    "fit --seed": (FIT, "1"),
    "fit --at": (MIXTURE, "github=0.3,pile_cc=0.7"),
    "fit --weights": (MIXTURE, "github=3,pile_cc=1"),
    "fit --params": (FIT, "1e10"),
    "fit --tokens": (STEPS, "1e12"),
    "fit --batch-tokens": (STEPS, "4e6"),
    "latency --chip": (LATENCY, "h100"),
    "latency --shape": (LATENCY, "llama-3-8b"),
    "latency --params": (["latency", "--chip", "h100"], "7B"),
    "latency --prompt-tokens": (LATENCY, "1k"),
    "latency --output-tokens": (LATENCY, "64"),
    "latency --batch": (LATENCY, "4"),
    "latency --chips": (LATENCY, "16"),
    "latency --deadline": (LATENCY, "0.5 s"),
    "latency --mfu": (LATENCY, "0.5"),
    "latency --memory-share": ([*LATENCY, "--output-tokens", "9"], "0.5"),
    "latency --weight-bytes": (LATENCY, "1"),
    "latency --cache-bytes": (LATENCY, "1"),
    "latency --interconnect": (LATENCY, "800 Gbit/s"),
    "predict --params": (["predict"], "2e9"),
    "predict --tokens": (PREDICT, "1e9"),
    "predict --law": (PREDICT, "epoch"),
    "predict --steps": ([*PREDICT, "--batch-tokens", "131072"], "9000"),
    "predict --strategy": (PREDICT, "diloco"),
    "predict --replicas": ([*PREDICT, *DILOCO], "4"),
    "predict --batch-tokens": (PREDICT, "2097152"),
    "predict --unique-tokens": (PREDICT, "1e9"),
    "predict --sync-every": ([*PREDICT, *DILOCO], "100"),
    "predict --teacher-loss": ([*STUDENT, "--teacher-params", "7e9"], "2.3"),
    "predict --teacher-params": ([*STUDENT, "--teacher-loss", "2.2"], "7e9"),
    "predict --teacher-tokens": ([*STUDENT, "--teacher-params", "7e9"], "1e12"),
    "predict --experts": ([*PREDICT, "--law", "joint-experts"], "4"),
    "predict --granularity": ([*PREDICT, "--law", "granular-experts"], "4"),
    "predict --data": ([*PREDICT, "--law", "over-training"], "c4"),
    "plan --topology": (["plan", "--days", "3", "--params", "1e9"], "h100-one-site"),
    "plan --days": (PLAN, "5"),
    "plan --mfu": ([*PLAN, "--chip", "h100"], "0.3"),
    "plan --chip-speed": (PLAN, "200 Tflop/s"),
    "plan --strategy": (PLAN, "data-parallel"),
    "plan --sync-every": (PLAN, "100"),
    "plan --params": (PLAN, "2e9"),
    "plan --failures": (PLAN, "{broken}"),
    "plan --mtbf": (PLAN, "30 days"),
    "plan --site-mtbf": (PLAN, "30 days"),
    "plan --repair": ([*PLAN, "--mtbf", "30 days"], "9 days"),
    "plan --payload-bits": (PLAN, "4"),
    "plan --unique-tokens": (PLAN, "1e9"),
    "plan --price-chip-hour": (PLAN, "2"),
    "plan --price-gb": (PLAN, "2"),
    "plan --max-cost": ([*PLAN, "--price-chip-hour", "2"], "20000"),
    "plan --sharding": (["plan", "--topology", "h100-two-sites", "--days", "30", "--chip", "h100"], "none"),
    "plan --objective": ([*PLAN, "--price-chip-hour", "2"], "cost"),
    "plan --risk": ([*PLAN, "--sync-every", "100,300"], None),
    "plan --max-mw": ([*PLAN, "--chip", "h100"], "0.4"),
    "plan --chips": (PLAN, "500"),
    "plan --max-latency": ([*PLAN, "--chip", "h100"], "5 s"),
    "plan --serve-chip": ([*PLAN, "--max-latency", "5 s", "--chip", "h100"], "tpu-v5e"),
    "plan --serve-chips": ([*SERVED, "--output-tokens", "9"], "4"),
    "plan --serve-batch": (SERVED, "4"),
    "plan --prompt-tokens": (SERVED, "1k"),
    "plan --output-tokens": (SERVED, "9"),
    "plan --weight-bytes": ([*SERVED, "--output-tokens", "9"], "1"),
    "plan --tokens-per-param": (PLAN, "20"),
    "plan --inference-tokens": (PLAN, "1e12"),
    "plan --loss-slack": ([*PLAN, "--inference-tokens", "1e12"], "0.1"),
    "plan --layers": ([*PLAN, "--strategy", "diloco:replicas=2,overlap=layers"], "7"),
    "sweep --scenario": (["sweep", "--vary", "bandwidth_across=1,2", "--workers", "1"], "{scenario}"),
    "sweep --topology": ([*VARIED, *DILOCO, *SHORT], "h100-two-sites"),
    "sweep --workload": ([*SWEEP, *DILOCO, *SHORT], "2.4b"),
    "sweep --trace": (["sweep", "--vary", "bandwidth_across=1,2", "--workers", "1", *SAVED], "35m-diloco-cpu"),
    "sweep --strategy": ([*SWEEP, *SHORT], "diloco:replicas=2,sync_every=7"),
    "sweep --set": (SWEEP, "workload.batch_tokens=524288"),
    "sweep --params": (["sweep", *SWEEP[1:5], "--topology", "low-bw", *DILOCO, "--params", "1e9", *SHORT], "2e9"),
    "sweep --tokens": ([*SWEEP, *DILOCO], "1e9"),
    "sweep --steps": ([*SWEEP, *DILOCO], "50"),
    "sweep --chips": ([*SWEEP, *DILOCO, *SHORT], "128"),
    "sweep --chip-speed": ([*SWEEP, *DILOCO, *SHORT], "200 Tflop/s"),
    "sweep --mfu": ([*SWEEP, *DILOCO, *SHORT, "--chip", "h100"], "0.3"),
    "sweep --replicas": ([*SWEEP, *DILOCO, *SHORT], "4"),
    "sweep --sync-every": ([*SWEEP, *DILOCO, *SHORT], "7"),
    "sweep --vary": ([*SWEEP, *DILOCO, *SHORT], "compute=1,3"),
    "sweep --zip": ([*SWEEP, *DILOCO, *SHORT], "sync_every=7,9"),
    "sweep --draw": (
        [*SWEEP, *DILOCO, *SHORT, "--draw", "latency_across=uniform:1:2", "--count", "2"],
        "latency_inside=uniform:1:2",
    ),
    "sweep --count": (DRAWN, "4"),
    "sweep --seed": (DRAWN, "1"),
    "sweep --method": (DRAWN, "random"),
    "sweep --answer": ([*SWEEP, *DILOCO, *SHORT], "budget"),
    "sweep --target": ([*SWEEP, *DILOCO, "--answer", "bandwidth"], "0.7"),
    "sweep --rule": ([*SWEEP, *DILOCO, *SHORT, "--answer", "budget"], "equal-chips"),
    "sweep --target-loss": ([*SWEEP, *DILOCO, *SHORT, "--answer", "budget"], "5.5"),
    "sweep --unique-tokens": ([*SWEEP, *DILOCO, *SHORT, "--answer", "budget"], "2e6"),
    "sweep --days": (
        ["sweep", "--answer", "plan", "--topology", "h100-two-sites", "--days", "3", "--vary", "params=1B"],
        "5",
    ),
    "sweep --metric": ([*SWEEP, *DILOCO, *SHORT], "compute_utilization"),
    "import --from": (["import", "{log}"], "wandb-csv"),
    "import --params": (["import", "{log}"], "1e9"),
    "import --active-params": (IMPORT, "1e8"),
    "import --tokens-per-step": (IMPORT, "4096"),
    "import --chips": (IMPORT, "16"),
    "import --chip": (IMPORT, "h100"),
    "import --payload-bits": (IMPORT, "4"),
    "import --algorithm": (IMPORT, "diloco"),
    "import --sync-every": (IMPORT, "30"),
    "import --seconds-column": (["import", "{log}"], "comm"),
    "import --clock-column": (["import", "{log}"], "comm"),
    "import --exchange-column": (["import", "{log}"], "comm"),
    "import --step-column": (["import", "{log}"], "other"),
    "import --loss-column": (["import", "{log}"], "other"),
    "import --replica-column": (["import", "{log}"], "step"),
    "import --unit": (["import", "{log}"], "ms"),
    "import --warmup": (["import", "{log}"], "1"),
    "validate --only": (["validate"], "syncs"),
    "validate --live": (["validate", "--only", "syncs"], None),
}
"""Options, by command: a command line in which it changes the numbers that are printed."""
TABLES: dict[str, tuple[list[str], str | None]] = {
    " --detail": (SHORT, "sites"),
    "bandwidth --grid": ([*BANDWIDTH, *DILOCO], "paper"),
    "validate --cases": (["validate", "--only", "syncs"], None),
}
"""Options that say what a table shows of the answer, likewise; the JSON has all of it in any case."""
COMMANDS = {
    "": [*DILOCO, *SHORT],
    "bandwidth": [*BANDWIDTH, *DILOCO],
    "budget": [*BUDGET, *DILOCO],
    "calibrate": CALIBRATE,
    "compare": ["compare", "35m-diloco-h200", "1.3b-h200"],
    "explain": EXPLAIN,
    "fit": FIT,
    "flows": ["flows", "{flows}"],
    "goodput": [*GOODPUT, *DILOCO, *SHORT],
    "import": ["import", "{log}"],
    "latency": LATENCY,
    "laws": ["laws"],
    "list": ["list", "topologies"],
    "plan": PLAN,
    "predict": PREDICT,
    "show": ["show", "topology", "low-bw"],
    "reproduce": ["reproduce", "table-3"],
    "sweep": [*SWEEP, *DILOCO, *SHORT],
    "validate": ["validate", "--only", "syncs"],
}
"""Of every command that prints an answer, one that is quick."""
OF_EVERY_COMMAND = {"--format", "--output"}
"""How the answer is printed, and where: `test_every_command_prints_what_its_format_says_where_it_is_told_to`."""
OWN = {
    " --version",
    "calibrate --out",
    "import --out",
    "bandwidth --plot",
    "fit --plot",
    "fit --law-file",
    " --timeline",
    " --timeline-rounds",
    " --install-completion",
    " --show-completion",
}
"""Options that have a test of their own below."""
SERVED = {f"serve --{option}" for option in ("port", "host", "allow-host", "time-limit", "browser")}
"""Of a command that prints no answer: tests/sim/serve/test_server.py."""
SWEPT = {f"sweep --{option}" for option in ("results", "overwrite", "workers", "on", "on-option", "plot")}
"""Who computes and where the rows go, which changes no answer: tests/sim/cli/test_sweep.py, tests/sim/questions/sweep/."""
CITED = {f"{command} --cite" for command in ("", "bandwidth", "budget", "explain", "goodput", "plan", "predict")}
"""What the answer rests on: tests/sim/report/test_citing.py."""
ECHOED = {"scenario", "scenarios", "asked", "varied", "name", "label", "strategy", "topology", "live", "target"}
ECHOED |= {"replicas", "sync_every", "fragments", "overlap_steps", "payload_bits", "payload_factor", "params", "tokens"}
"""Keys of an answer that may only repeat the question."""


def options():
    """Every option of every command, as `command --option`."""
    group = typer.main.get_command(app)
    for name, command in {"": group, **group.commands}.items():
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.opts[-1] != "--help":
                yield f"{name} {parameter.opts[-1]}"


def test_every_option_has_a_test():
    of_every_command = {f"{command} {option}" for command in COMMANDS for option in OF_EVERY_COMMAND}
    missing = set(options()) - set(PAIRS) - set(TABLES) - of_every_command - OWN - SERVED - SWEPT - CITED
    assert not missing, (
        f"add to PAIRS a command line in which they change what is printed: {', '.join(sorted(missing))}"
    )


@pytest.fixture
def files(scenario_file):
    """What stands for itself in the command lines above."""
    strategies = [{"kind": "data-parallel"}, {"kind": "diloco", "replicas": 2}]
    workload = {"params": 1e9, "steps": 30}
    links = [
        {"between": ["a", "b"], "bandwidth": "1 Gbit/s", "latency": "1 ms"},
        {"between": ["b", "c"], "bandwidth": "3 Gbit/s", "latency": "2 ms"},
    ]
    uneven = {"name": "uneven", "datacenters": [{"name": name} for name in "acb"], "links": links}
    flows = {"topology": uneven, "flows": [{"from": "a", "to": "c", "size": "1 GB"}]}
    documents = {
        "{scenario}": {"topology": "medium-bw", "workload": workload, "strategies": strategies},
        "{uneven}": uneven,
        "{flows}": flows,
    }
    away = [{"site": name, "at": "1 day", "for": "1 day"} for name in ("north", "south")]
    documents["{broken}"] = {**documents["{scenario}"], "topology": "h100-two-sites", "failures": {"away": away}}
    found = {word: str(scenario_file(each, f"{word[1:-1]}.yaml")) for word, each in documents.items()}
    log = Path(found["{flows}"]).with_name("log.csv")
    log.write_text("step,step_time,comm,other\n1,0.5,0.1,5\n2,0.25,0.2,6\n3,0.75,0.3,7\n")
    return found | {"{log}": str(log)}


def pair(entry, option, files):
    """The two command lines of an entry: without the option, and with it."""
    words, value = entry
    flag, without = option.split()[-1], [files.get(word, word) for word in words]
    if flag in without and flag not in ("--strategy", "--set"):  # the other value takes the place of the one there
        place = without.index(flag) + 1
        return without, [*without[:place], files.get(value, value), *without[place + 1 :]]
    return without, [*without, flag, *([] if value is None else [files.get(value, value)])]


@pytest.mark.parametrize("option", PAIRS)
def test_an_option_changes_the_answer(option, simulate, files):
    without, withit = pair(PAIRS[option], option, files)
    code, before, error = simulate(*without, "--format", "json")
    assert code == 0 or option.split()[-1] in ("--params", "--topology"), error
    code, after, error = simulate(*withit, "--format", "json")
    assert code == 0, error
    assert answer_of(after) != answer_of(before)


@pytest.mark.parametrize("option", TABLES)
def test_an_option_changes_what_the_table_shows(option, simulate, files):
    (code, before, _), (again, after, _) = (simulate(*words) for words in pair(TABLES[option], option, files))
    assert (code, again) == (0, 0)
    assert before != after


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_prints_what_its_format_says_where_it_is_told_to(command, simulate, files, tmp_path):
    words = [files.get(word, word) for word in COMMANDS[command]]
    printed = {}
    for shape in ("table", "json", "csv"):
        code, printed[shape], error = simulate(*words, "--format", shape)
        assert code == 0, error
    assert isinstance(json.loads(printed["json"]), dict)
    header, first, *_ = csv.reader(io.StringIO(printed["csv"]))
    assert len(header) == len(first) > 1
    assert printed["table"] not in (printed["json"], printed["csv"])
    file = tmp_path / "answer.csv"
    assert simulate(*words, "--output", file) == (0, "", f"wrote {file}\n")
    assert file.read_text() == printed["csv"]


def test_a_table_within_the_answer_is_not_asked_for_in_a_format_without_it(simulate):
    code, out, error = simulate(*SHORT, "--detail", "links", "--format", "csv")
    assert (code, out) == (2, "")
    assert "--detail" in error
    assert "--format json" in error


def test_the_version_is_printed_and_nothing_else(simulate):
    code, out, _ = simulate("--version")
    assert (code, out) == (0, f"crosshaul {version('crosshaul')}\n")


def test_a_plot_is_drawn_of_the_answer(simulate, tmp_path):
    pytest.importorskip("matplotlib")
    words = [*BANDWIDTH, *DILOCO, "--plot"]
    pictures = [tmp_path / name for name in ("one.png", "same.png", "other.png")]
    printed = [simulate(*words, pictures[0]), simulate(*words, pictures[1])]
    assert printed[0] == printed[1] == simulate(*words[:-1])
    assert simulate(*words, pictures[2], "--sync-every", "7")[0] == 0
    one, same, other = (picture.read_bytes() for picture in pictures)
    assert one[:4] == b"\x89PNG"
    assert one == same != other


def test_a_timeline_is_drawn_of_the_rounds_that_are_asked_for(simulate, tmp_path):
    words = [*DILOCO, *SHORT]
    files = [tmp_path / name for name in ("one.json", "same.json", "two.json", "all.json")]
    plain = simulate(*words)
    for file, rounds in zip(files, ("1", None, "2", "all"), strict=True):
        option = ["--timeline-rounds", rounds] if rounds else []
        assert simulate(*words, "--timeline", file, *option) == (0, plain[1], f"wrote {file}\n")
    one, same, two, all_ = (json.loads(file.read_text())["traceEvents"] for file in files)
    assert one == same
    counts = [
        len([each for each in events if each["ph"] == "X" and each["cat"] == "compute"]) for events in (one, two, all_)
    ]
    assert counts == [2, 4, 4], "60 steps of two replicas are two rounds of 30"


def answer_of(text):
    """What was printed, without the question."""
    return without_echo(json.loads(text)) if text else None


def without_echo(value):
    if isinstance(value, dict):
        return {key: without_echo(each) for key, each in value.items() if key not in ECHOED}
    return [without_echo(each) for each in value] if isinstance(value, list) else value
