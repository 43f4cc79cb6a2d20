"""Motifs of the report beside what the data hold and what was planted, and networks against one another."""

import math
from pathlib import Path

from report_check_inputs import ENRICHMENT_HEADER
from report_inputs import make_inputs, make_many_networks, write_table
from test_report import Page, render
from test_report_checks import one_target, plain
from test_report_networks import rows_of

from cisflow.report_comparison import difference_section
from cisflow.report_motifs import null_table, seeds_that_found

# Motifs in the data ---------------------------------------------------------------------------------------------------


def test_enriched_motifs_stand_beside_those_that_filters_found(tmp_path):
    html = render(one_target(tmp_path))
    text = plain(Page(html).text)
    assert "CTCF: 2 of 3 known motifs are enriched; of the first 2, filters of small match 1." in text
    assert "Enriched and found: su(Hw) (2 of 2 seeds)." in text
    assert "Enriched and not found: dar1." in text
    assert "Found and not enriched for any target" not in text
    rows = {row[0]: row[1:] for row in rows_of(html.split("<h3>Motifs in the data")[1].split("<h3>")[0])}
    # 60 of 120 positives, 12 of 240 negatives
    assert rows["su(Hw)"] == ["MA0533.1", "50 %", "5 %", "19.0", "3.0e-20", "0.800", "best match in 2 of 2"]
    assert rows["dar1"] == ["MA0002.1", "25 %", "10 %", "3.0", "2.0e-06", "0.600", "not found"]


def test_a_filter_that_matches_a_motif_beside_a_better_one_found_it(tmp_path):
    inputs = one_target(tmp_path)
    for run in inputs["runs"]:
        path = Path(run["motif_matches"])
        header, first, *rest = path.read_text().splitlines()
        second = first.replace("MA0533.1", "MA0002.1").replace("3e-10", "0.01")
        third = first.replace("MA0533.1", "MA0001.1").replace("3e-10", "0.2")
        path.write_text("\n".join([header, first, second, third, *rest]) + "\n")
    members = [{**run, "filter_row": {"motifs": {"MA0533.1": {}}}} for run in inputs["runs"]]
    assert seeds_that_found(members, 0.05) == {"MA0533.1": (2, 2), "MA0002.1": (0, 2)}
    text = plain(Page(render(inputs)).text)
    assert "Enriched and found: su(Hw) (2 of 2 seeds); dar1 (2 of 2 seeds)." in text
    assert "like a filter in 2 of 2" in text


def test_motifs_of_filters_that_the_data_do_not_hold_are_named(tmp_path):
    inputs = one_target(tmp_path)
    rows = [("CTCF", "MA0533.1", "su(Hw)", 6, 120, 12, 240, 1, 0.6, 0.9, 0.5)]
    write_table(Path(inputs["datasets"][0]["motif_enrichment"]), ENRICHMENT_HEADER, rows)
    text = plain(Page(render(inputs)).text)
    assert "CTCF: 0 of 1 known motif are enriched." in text
    assert "Found and not enriched for any target: su(Hw)." in text


# Networks against one another -----------------------------------------------------------------------------------------


def test_differences_are_told_from_the_side_of_the_chosen_network():
    def row(model, other, difference, q, target="mean"):
        numbers = {"difference": difference, "ci_low": difference - 0.02, "ci_high": difference + 0.02, "q": q}
        return {"model": model, "other": other, "target": target, "metric": "auroc", **numbers}

    rows = [
        row("a", "b", 0.05, 0.001),
        row("a", "c", 0.01, 0.3),
        row("b", "c", -0.04, 0.01),
        row("b", "d", 0.03, math.nan),
        row("a", "b", 0.07, 0.001, target="CTCF"),
    ]
    found = difference_section(rows, "b")
    assert found["sentence"] == "b: worse than a (−0.050) and c (−0.040); not told apart from d (+0.030)."
    assert [row["verdict"] for row in found["rows"]] == ["better", "not told apart", "worse", "not told apart"]
    assert [row["target"] for row in found["others"]] == ["CTCF"]
    assert difference_section(rows, None)["sentence"] == ""
    assert difference_section([], None) is None


def test_the_page_shows_differences_of_several_networks(tmp_path):
    html = render(make_many_networks(tmp_path, n_models=3))
    # test scores 0.70 + 0.15 * {2, 1, 0} / 3; verdicts of these tables tell apart from 0.05 on
    assert "network_00: better than network_02 (+0.100); not told apart from network_01 (+0.050)." in Page(html).text
    assert "<h3>Networks against one another</h3>" in html
    assert "Networks against one another" not in render(make_inputs(tmp_path / "one"))


def test_networks_that_stand_for_all_seeds_are_counted_once():
    numbers = {"n_dead": 1, "n_without_pwm": 4, "false_discovery_rate": 0.1, "fdr_high": 0.2, "p": 0.01}
    matched = {"trained": 8, "untrained": 2, "permuted": 1, "column_shuffled": 0.5}
    sources = {source: {**numbers, "n_filters": 32, "n_matched": number} for source, number in matched.items()}
    rows = [{"calibration": sources} for _ in range(3)]  # three seeds
    found = null_table(rows)
    assert [row["filters"] for row in found] == [96, 32, 32, 96]
    assert [row["matched"] for row in found] == ["24", "2", "1", "1.5"]
    assert [row["share"] for row in found] == [row["share"] for row in null_table(rows[:1])]
