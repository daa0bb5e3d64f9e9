"""`simulate validate`: verdicts by hand, the committed table, and numbers that change."""

import csv
import io
import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest

from sim.errors import InputError
from sim.questions.validate import live as validate_live
from sim.questions.validate.claims import Case, Claim, Validation, answer, cells_apart, committed, refreshed
from sim.questions.validate.evidence_files import read
from sim.questions.validate.published_syncs import predictions, share, sync_s
from sim.report.answers.validate import report, shown
from sim.report.drawing.screen import Screen
from sim.report.render.terminal import render


def claim(*pairs, kind="relative", tolerance=0.05, statistic="worst", reason=""):
    cases = tuple(Case(f"case {n}", theirs, ours) for n, (theirs, ours) in enumerate(pairs))
    return Claim("c", "laws", "words", kind, "s", "someone", statistic, tolerance, "us", reason, cases, len(cases))


@pytest.mark.parametrize(
    ("kind", "tolerance", "theirs", "ours", "error", "verdict"),
    [
        ("relative", 0.05, 2.0, 2.1, 0.05, "agrees"),
        ("relative", 0.05, 2.0, 1.89, -0.055, "misses"),
        ("relative", None, 2.0, 99.0, 48.5, "no verdict"),
        ("absolute", 0.01, 0.5, 0.51, 0.01, "agrees"),
        ("absolute", 0.01, 0.5, 0.48, -0.02, "misses"),
        ("absolute", 0.005, 0.0, -0.002, -0.002, "agrees"),
        ("at-least", 0.0, 4.0, 40.0, 9.0, "agrees"),
        ("at-least", 0.0, 4.0, 3.9, -0.025, "misses"),
        ("cells", 1.0, 16.0, 12.82, -1.0, "agrees"),
        ("cells", 1.0, 0.1, 0.2, 4.0, "misses"),
    ],
)
def test_an_error_and_its_verdict(kind, tolerance, theirs, ours, error, verdict):
    found = claim((theirs, ours), kind=kind, tolerance=tolerance)
    assert found.error == pytest.approx(error)
    assert found.verdict == verdict


def test_the_worst_of_many_counts_or_their_median():
    pairs = [(1.0, 1.01), (1.0, 0.9), (1.0, 1.02), (1.0, 1.04)]
    worst, median = claim(*pairs), claim(*pairs, statistic="median")
    assert worst.error == pytest.approx(-0.1)
    assert (worst.counting.name, worst.verdict) == ("case 1", "misses")
    assert median.error == pytest.approx(0.03)  # of 0.01, 0.02, 0.04, 0.1
    assert (median.counting, median.verdict) == (None, "agrees")
    lowest = claim((4.0, 5.0), (4.0, 12.0), kind="at-least", tolerance=0.0)
    assert lowest.error == pytest.approx(0.25)  # of what is at least, the least counts


def test_cells_are_points_of_the_published_grid():
    points = [10 ** (-1 + 4 * k / 49) for k in range(50)]
    for k, point in enumerate(points):
        assert cells_apart(float(f"{point:.4g}"), point) == 0
        assert cells_apart(point, point * 0.999) == 0  # the first that reaches it
        assert cells_apart(point, point * 1.001) == 1
        assert cells_apart(points[0], point) == k
    assert cells_apart(0.1, 0.01) == 0


def test_a_miss_without_a_reason_is_a_fault_and_a_known_one_is_not():
    unknown, known = claim((1.0, 2.0)), claim((1.0, 2.0), reason="because")
    assert [one.known for one in (unknown, known)] == [False, True]
    assert Validation((unknown,)).faults == ("c: misses, and no reason is known",)
    assert Validation((known, claim((1.0, 1.0)))).faults == ()


def test_a_number_that_changed_is_a_fault_and_is_judged_as_it_is_now():
    old = claim((1.0, 1.0), (1.0, 1.01))
    (same,) = refreshed([old], {("c", "case 0"): 1.000001})
    assert Validation((same,), live=True).faults == ()
    assert [case.rerun for case in same.cases] == [True, False]
    (new,) = refreshed([old], {("c", "case 1"): 1.2})
    assert new.verdict == "misses"
    faults = Validation((new,), live=True).faults
    assert faults == ("c: misses, and no reason is known", "c (case 1): now 1.2, committed 1.01")


def test_the_committed_evidence_is_sound():
    claims = committed()
    assert len({one.id for one in claims}) == len(claims)
    topics = [one.topic for one in claims]
    assert topics == sorted(topics, key=topics.index)  # a topic's claims stand together
    assert {"laws", "tables", "wall-clock", "syncs", "simgrid", "conformance"} <= set(topics)
    for one in claims:
        assert one.cases
        assert one.statistic in ("", "worst", "median")
        assert len(one.cases) == 1 or one.statistic
        assert math.isfinite(one.error)
        assert one.verdict == "agrees" or one.reason, one.id
    assert Validation(claims).faults == ()


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_is_the_golden_one(golden, width):
    golden(f"tests/golden/validate-{width}.txt", render(report(answer()), Screen(width=width)))


def test_the_table_fits_and_says_what_each_line_is():
    text = render(report(answer("simgrid"), cases=True), Screen(width=80))
    assert max(map(len, text.splitlines())) <= 80
    assert "SimGrid 3.32, CM02" in text
    assert "worst of 504" in text.replace("\n  ", " ")
    line = next(line for line in text.splitlines() if "-74.6%" in line)
    assert line.split()[-3:] == ["-74.6%", "0.1%", "MISSES"]
    assert "CM02 favours short round trips" in " ".join(text.split())


def first(*claims, live=False):
    return report(Validation(claims, live)).blocks[0].texts[0]


def test_the_verdict_on_all_comes_first():
    good, bad, open_ = claim((1.0, 1.0)), claim((1.0, 2.0), reason="because"), claim((1.0, 2.0), tolerance=None)
    assert first(good) == "As expected: 1 of 1 claim agrees. 1 comparison in all."
    assert first(good, good, bad, bad, open_) == (
        "As expected: 2 of 5 claims agree; 2 miss for known reasons, given with each; "
        "1 cannot be judged. 5 comparisons in all."
    )
    unknown = claim((1.0, 2.0))
    assert first(good, unknown) == (
        "Not as it should be, 1 fault at the end: 1 of 2 claims agrees; 1 misses. 2 comparisons in all."
    )
    assert "0 of 2 claims agree; 2 miss (1 for known reasons), given with each." in first(bad, unknown)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_miss_is_marked_and_its_reason_stands_beneath_it_before_the_next_claim(width):
    claims = (
        replace(claim((1.0, 1.0), reason="unused"), claim="first"),
        replace(claim((1.0, 2.0), reason="it rained"), claim="second"),
        replace(claim((1.0, 2.0)), claim="third"),
        replace(claim((1.0, 1.0)), claim="fourth"),
    )
    text = render(report(Validation(claims)), Screen(width=width))
    table = " ".join(text[text.index("Scaling laws") :].split())
    first_, second, third = (table.partition(name)[2] for name in ("first", "second", "third"))
    assert "MISSES" not in first_.partition("second")[0]
    for part, word in ((second.partition("third")[0], "it rained."), (third.partition("fourth")[0], "nobody knows")):
        assert "MISSES" in part
        assert word in part
    assert "unused" not in text
    strong = [row.cells[0] for row in report(Validation(claims)).blocks[2].rows if row.strong]
    assert strong == ["second", "third"]


def test_only_misses_are_those_that_miss_now(simulate, monkeypatch):
    missing = [one.id for one in committed() if one.verdict == "misses"]
    assert [one.id for one in answer("misses").claims] == missing
    assert len(answer("agrees").claims) + len(answer("no verdict").claims) + len(missing) == len(committed())
    monkeypatch.setattr(validate_live, "rerun", lambda *_: {("table-10-a", ""): 99.0})
    assert "table-10-a" in [one.id for one in answer("Misses", live=True).claims]
    document = json.loads(simulate("validate", "--only", "misses", "--format", "json")[1])
    assert {one["verdict"] for one in document["claims"]} == {"misses"}
    with pytest.raises(InputError, match="write misses, or one of the topics: laws, tables"):
        answer("miss everything")


def test_the_last_line_says_what_was_run_again(monkeypatch):
    def last(only, numbers):
        monkeypatch.setattr(validate_live, "rerun", lambda *_: numbers)
        return report(answer(only, live=True)).blocks[1].texts[-1]

    none = "None of these can be computed again in seconds: they are from committed results."
    assert last("simgrid", {}) == none
    ours = next(one for one in committed() if one.id == "table-10-a").cases[0].ours
    assert last("table-10-a", {("table-10-a", ""): ours}).endswith("1 comparison; all gave the committed numbers.")
    some = last("table-10", {("table-10-a", ""): ours})
    assert some.endswith("1 comparison; all gave the committed numbers. The others are from committed results.")


def test_numbers_read_well():
    assert shown(claim((1.5, 1.53), statistic="")) == ("1.5 s", "1.53 s", "+2.0%", "5%")
    assert shown(claim((1.5, 1.5), statistic="")) == ("1.5 s", "1.5 s", "0", "5%")
    assert shown(claim((16.0, 12.82), kind="cells", tolerance=1.0))[2:] == ("-1 cell", "1 cell")
    assert shown(claim((4.0, 5.0), kind="at-least", tolerance=0.0))[3] == "not less"
    assert shown(claim((1.0, 1.1), (1.0, 1.2), (1.0, 0.9), statistic="median"))[:3] == ("", "", "10.0%")
    assert shown(replace(claim((2e5, 2.1e5)), unit="tokens"))[:2] == ("2e5", "2.1e5")


def test_the_command_prints_the_table_and_ends_well(simulate):
    code, out, err = simulate("validate")
    assert (code, err) == (0, "")
    assert "loss law fitted again" in out
    assert "From committed results" in out


def test_json_has_every_comparison_and_csv_a_line_a_claim(simulate, tmp_path):
    document = json.loads(simulate("validate", "--only", "syncs", "--format", "json")[1])
    assert list(document) == ["schema_version", "crosshaul_version", "live", "claims", "faults"]
    (one,) = (found for found in document["claims"] if found["id"] == "sync-1-g")
    assert [case["case"] for case in one["cases"]] == ["H = 1", "H = 8", "H = 32", "H = 128"]
    assert one["error"] == max((case["error"] for case in one["cases"]), key=abs)
    assert one["worst_case"] == "H = 128"
    path = tmp_path / "all.csv"
    assert simulate("validate", "--format", "csv", "--output", path)[0] == 0
    assert len(list(csv.DictReader(io.StringIO(path.read_text())))) == len(committed())
    rows = list(
        csv.DictReader(io.StringIO(simulate("validate", "--only", "sync-1-g", "--cases", "--format", "csv")[1]))
    )
    assert [row["case"] for row in rows] == ["H = 1", "H = 8", "H = 32", "H = 128"] * 2


def test_text_that_no_claim_has_is_the_users_mistake(simulate):
    with pytest.raises(InputError, match="one of the topics: laws, tables"):
        answer("moonlight")
    code, out, err = simulate("validate", "--only", "moonlight")
    assert (code, out) == (2, "")
    assert "no claim has 'moonlight' in it" in err


def test_the_exit_code_is_1_when_a_number_has_changed(simulate, monkeypatch):
    monkeypatch.setattr(validate_live, "rerun", lambda *_: {("table-10-a", ""): 19.9})
    code, out, err = simulate("validate", "--live", "--only", "table-10-a")
    assert code == 1
    assert "fault: table-10-a: now 19.9, committed 19.251724" in err
    assert "1 gave another number" in out


@pytest.mark.slow
def test_run_again_every_number_is_the_committed_one():
    found = answer(live=True)
    assert found.faults == ()
    again = {one.id: sum(case.rerun for case in one.cases) for one in found.claims}
    whole = ("table-7-a", "table-11", "loss-fitted", "wall-clock", "sync-1-g", "use-50-m", "conformance")
    for id in whole:
        assert again[id] == len(next(one for one in found.claims if one.id == id).cases)
    assert again["tables-streaming"] == 5
    assert again["four-fold-low-bw"] == 6
    ids = {(one.id, case.name) for one in found.claims for case in one.cases}
    assert {key for functions in validate_live.LIVE.values() for each in functions[:1] for key in each()} <= ids


def test_only_the_topics_asked_for_are_run_again(monkeypatch):
    ran = []
    monkeypatch.setattr(
        validate_live, "LIVE", {topic: (lambda t=topic: ran.append(t) or {},) for topic in ("laws", "syncs")}
    )
    answer("syncs", live=True)
    assert ran == ["syncs"]


def test_nothing_heavy_is_loaded_to_print_what_is_committed():
    code = "import sys; sys.argv[1:] = ['validate']\nfrom sim.cli.app import main\ntry: main()\nfinally: print([m for m in ('scipy', 'networkx', 'jax', 'matplotlib', 'sim.questions.validate.live') if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "[]\n")


def test_a_published_synchronisation_is_a_ring_over_what_the_link_carries():
    for row in read("real_runs.csv"):
        if row["goodput"]:
            sites, payload_bits = int(row["nodes"]), float(row["params"]) * float(row["payload_bits"])
            by_hand_s = 2 * (sites - 1) / sites * payload_bits / float(row["goodput"])
            by_hand_s += 2 * (sites - 1) * 2e-4  # two links of 0.1 ms on each hop
            assert sync_s(row, share(row)) == pytest.approx(by_hand_s, rel=1e-6)


def test_what_an_exchange_costs_beside_its_bytes_comes_from_5_gbit_per_s_alone():
    rows = list(read("real_runs.csv"))
    before = predictions(rows)
    assert [(one.published["link"], one.published["sync_every"]) for one in before if one.calibrates] == [
        ("5 Gbit/s", "1"),
        ("5 Gbit/s", "128"),
    ]
    changed = [row | ({} if row["link"] == "5 Gbit/s" else {"sync_s": "99", "utilization": "0.5"}) for row in rows]
    assert [one.corrected_s for one in predictions(changed)] == [one.corrected_s for one in before]
    calibrating = [one for one in before if one.calibrates]
    assert all(one.corrected_s == pytest.approx(one.measured_s, rel=1e-12) for one in calibrating)
    # by hand: a fourth of the counted synchronisations is the first of the run
    at = {(one.published["link"], one.published["sync_every"]): one for one in before}
    h1, h32, h128 = (at["1 Gbit/s", every] for every in ("1", "32", "128"))
    fixed_s = 0.317057 - at["5 Gbit/s", "1"].overhead_s
    assert h1.corrected_s - h1.overhead_s == pytest.approx(fixed_s, rel=1e-9)
    setup_s = 0.679784 - at["5 Gbit/s", "128"].overhead_s - fixed_s
    assert h32.corrected_s - h32.overhead_s == pytest.approx(fixed_s + setup_s / 4, rel=1e-9)
    assert h128.corrected_utilization == pytest.approx(
        180 * 0.0261946 / (180 * 0.0261946 + h128.overhead_s + fixed_s + setup_s), rel=1e-9
    )
