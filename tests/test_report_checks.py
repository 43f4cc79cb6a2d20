"""Can this be believed: the checks, their verdicts and readings; a table that is missing leaves its row out."""

import re
from html import unescape
from pathlib import Path

import pytest
from report_check_inputs import (
    CALIBRATION_HEADER,
    RELIABILITY_HEADER,
    STRATA_HEADER,
    VERDICT_HEADER,
    make_calibration,
    scores_of,
    with_checks,
)
from report_inputs import (
    METRIC_HEADER,
    MOTIFS,
    make_dataset,
    make_inputs,
    make_many_networks,
    make_regression,
    make_run,
    metric_rows,
    write_motifs,
    write_predictions,
    write_table,
)
from test_report import Page, doubts_of, render
from test_report_networks import rows_of, section

from cisflow.report_checks import bins_off, calibration_word, leakage_check
from cisflow.report_scores import behind_text, verdict_sentence


def one_target(root, seeds=(0, 1), **options):
    """Some seeds of one network on CTCF with all that stands beside it."""
    runs = [make_run(root, "fly", ["CTCF"], seed=seed, auroc=0.8 + 0.01 * seed, **options) for seed in seeds]
    database = write_motifs(root / "motifs.meme", MOTIFS)
    return with_checks({"runs": runs, "datasets": [make_dataset(root, "fly", ["CTCF"])], "database": database})


def checks_of(html):
    """The first table of checks: name to verdict, figure and reading."""
    table = re.search(r'<table class="checks">.*?</table>', html, flags=re.S).group()
    return {row[0]: row[1:] for row in rows_of(table)[1:]}


def plain(text):
    return unescape(text).replace("\xa0", " ")


# The table of checks --------------------------------------------------------------------------------------------------


def test_a_good_network_passes_every_check(tmp_path):
    html = render(one_target(tmp_path))
    checks = {name: row[0] for name, row in checks_of(html).items()}
    assert checks == {
        "better than each baseline": "better",
        "a network trained on permuted labels guesses": "at chance",
        "no row of one split stands in another": "clean",
        "another start gives much the same": "stable",
        "probabilities are as often right as they say": "calibrated",
        "the score holds by GC content": "holds",
        "the score holds by likeness to training sequences": "holds",
        "filters match known motifs more often than without learning": "more than by chance",
    }
    assert 'class="badge doubt"' not in re.search(r'<table class="checks">.*?</table>', html, flags=re.S).group()


def test_readings_hold_the_numbers_of_the_tables(tmp_path):
    checks = checks_of(render(one_target(tmp_path)))
    # the mean of 0.80 and 0.81 less 0.55
    assert checks["better than each baseline"][1] == "+0.255 (+0.205 to +0.305) beside GC content alone"
    assert checks["a network trained on permuted labels guesses"][1] == "0.500 (0.460–0.540)"
    assert "2 seeds reach AUROC 0.800–0.810, mean 0.805, 0.010 apart" in checks["another start gives much the same"][2]
    similarity = checks["the score holds by likeness to training sequences"]
    assert "In none of 2 parts" in similarity[2]
    assert "Too few rows of either class: 20–100 % alike." in similarity[2]
    matches = plain(checks["filters match known motifs more often than without learning"][2])
    # one of four filters in each of two seeds; the shuffles match 0.1 of four
    assert matches.startswith(
        "25 % of all filters match at q < 0.05; by chance 0 % of the same network before training"
    )
    assert matches.endswith("(p < 0.05 against each of these) in 2 of 2 seeds.")


def test_what_a_network_lacks_has_no_row(tmp_path):
    inputs = one_target(tmp_path, seeds=(0,), has_filters=False)
    [ensemble] = inputs["ensembles"]
    for kind in ("permuted_metrics", "reliability", "strata"):
        del ensemble[kind]
    checks = checks_of(render({**inputs, "database": None}))
    assert list(checks) == [
        "better than each baseline",
        "no row of one split stands in another",
        "another start gives much the same",
    ]
    assert checks["another start gives much the same"][:2] == ["not known", "1 seed"]
    html = render({**inputs, "database": None})
    for heading in ("Reliability", "Parts of the test rows", "Planted motifs"):
        assert f"<h3>{heading}" not in html


def test_every_network_has_its_checks_and_many_are_left_out(tmp_path):
    html = render(make_many_networks(tmp_path, n_models=8, seeds=(0,)))
    assert html.count('<table class="checks">') == 6
    assert "Of 2 more networks the doubts alone are told, above." in Page(html).text
    # the best on validation stands open
    assert re.search(r'<p class="note">network_00, the network with the best validation score', html)


def test_datasets_that_are_not_shown_in_detail_have_no_checks_but_their_doubts(tmp_path):
    names = [f"set{number}" for number in range(4)]
    runs = [make_run(tmp_path, name, ["CTCF"], auroc=0.8) for name in names]
    datasets = [make_dataset(tmp_path, name, ["CTCF"]) for name in names]
    inputs = with_checks(
        {"runs": runs, "datasets": datasets, "database": write_motifs(tmp_path / "motifs.meme", MOTIFS)}
    )
    rows = [("x", "test", "CTCF", "auroc", 0.62, 0.57, 0.67, 400, 120)]
    write_table(Path(inputs["ensembles"][3]["permuted_metrics"]), METRIC_HEADER, rows)
    html = render(inputs, max_datasets_in_detail=2)
    assert html.count('<table class="checks">') == 2
    assert "A network trained on permuted labels does not guess: set3, 0.620 (0.570–0.670)." in doubts_of(
        inputs, max_datasets_in_detail=2
    )


# Baselines ------------------------------------------------------------------------------------------------------------


def with_baselines(tmp_path):
    """A network at 0.8 beside three baselines with verdicts of their own."""
    inputs = one_target(tmp_path, seeds=(0,))
    known = {"gc_content": (0.55, "better"), "kmers": (0.78, "not told apart"), "pwm_scan": (0.82, "worse")}
    rows, baselines = [], []
    for name, (value, verdict) in known.items():
        folder = tmp_path / "baselines" / name
        difference = 0.8 - value
        numbers = (difference, difference - 0.03, difference + 0.03, 0.01, 0.02)
        rows.append(("small", "CTCF", name, "auroc", 0.8, value, *numbers, verdict))
        metrics = write_table(folder / "metrics.tsv", METRIC_HEADER, metric_rows(name, ["CTCF"], value))
        record = {**inputs["baselines"][0], "baseline": name, "metrics": metrics}
        if name == "pwm_scan":
            chosen = [("CTCF", "motif", "MA0531.2"), ("CTCF", "motif_name", "CTCF"), ("CTCF", "train_auroc", 0.8)]
            record["chosen"] = write_table(folder / "chosen.tsv", "target setting value", chosen)
        baselines.append(record)
    write_table(Path(inputs["datasets"][0]["verdicts"]), VERDICT_HEADER, rows)
    return {**inputs, "baselines": baselines}


def test_a_verdict_names_the_baselines_that_are_not_beaten(tmp_path):
    inputs = with_baselines(tmp_path)
    [row] = scores_of(inputs)
    assert (row["verdict"], row["baseline"], row["baseline_name"]) == ("worse", 0.82, "best motif (CTCF)")
    assert [other["baseline"] for other in row["beside"]] == ["pwm_scan", "kmers", "gc_content"]
    assert verdict_sentence(row) == (
        "worse than best motif (CTCF), not told apart from k-mers, better than 1 other; the strongest, best motif "
        "(CTCF), reaches 0.820 (difference −0.020, −0.050 to +0.010)"
    )
    assert behind_text(row) == "worse than best motif (CTCF) (0.820), not told apart from k-mers (0.780)"
    html = render(inputs)
    text = Page(html).text
    assert "CTCF: test AUROC 0.800 (95 % interval 0.770–0.830; one seed): worse than best motif (CTCF)" in text
    assert "Worse than a baseline: CTCF 0.800, worse than best motif (CTCF) (0.820)" in doubts_of(inputs)
    assert checks_of(html)["better than each baseline"][0] == "worse"
    whiskers = re.search(r'<svg class="whiskers".*?</svg>', html, flags=re.S).group()
    names = re.findall(r'text-anchor="end">([^<]+)</text>', whiskers)
    assert names == ["small", "best motif (CTCF)", "k-mers", "GC content alone"]


def test_better_than_several_baselines_names_the_strongest(tmp_path):
    inputs = with_baselines(tmp_path)
    path = Path(inputs["datasets"][0]["verdicts"])
    path.write_text(re.sub(r"(not told apart|worse)\n", "better\n", path.read_text()))
    [row] = scores_of(inputs)
    assert verdict_sentence(row).startswith(
        "better than each of 3 baselines; the strongest, best motif (CTCF), reaches"
    )
    assert behind_text(row) == ""


# Permuted labels and leaks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "low", "high", "word"),
    [(0.51, 0.47, 0.55, "at chance"), (0.62, 0.57, 0.67, "above chance"), (0.41, 0.36, 0.46, "below chance")],
)
def test_permuted_labels(tmp_path, value, low, high, word):
    inputs = one_target(tmp_path)
    rows = [("x", "test", "CTCF", "auroc", value, low, high, 400, 120)]
    write_table(Path(inputs["ensembles"][0]["permuted_metrics"]), METRIC_HEADER, rows)
    check = checks_of(render(inputs))["a network trained on permuted labels guesses"]
    assert check[:2] == [word, f"{value:.3f} ({low:.3f}–{high:.3f})"]
    assert ("does not guess" in doubts_of(inputs)) == (word != "at chance")


def test_a_single_target_off_chance_is_named(tmp_path):
    inputs = with_checks(make_inputs(tmp_path))
    targets = inputs["datasets"][0]["targets"]
    rows = [("x", "test", target, "auroc", 0.5, 0.45, 0.55, 400, 120) for target in [targets[0], "mean"]]
    rows.append(("x", "test", targets[1], "auroc", 0.6, 0.56, 0.64, 400, 120))
    write_table(Path(inputs["ensembles"][0]["permuted_metrics"]), METRIC_HEADER, rows)
    check = checks_of(render(inputs))["a network trained on permuted labels guesses"]
    assert check[0] == "above chance"
    assert "lies outside the interval of &lt;b&gt;BEAF &amp; 32&lt;/b&gt; 0.600 (0.560–0.640)." in check[2]


def test_leaks_are_counted():
    def leak(split, other, kind, found, left):
        return {
            "split": split,
            "other_split": other,
            "kind": kind,
            "found": found,
            "dropped": found - left,
            "left": left,
        }

    leaks = [leak("train", "test", "exact", 3, 1), leak("train", "val", "near_duplicate", 5, 2)]
    check = leakage_check(leaks)
    assert (check["verdict"], check["figure"], check["state"]) == ("leaks left", "3 rows left", "doubt")
    assert check["reading"] == (
        "Looked for between all splits: exact and near-duplicate; 8 rows found, 5 dropped, 3 left, 1 of them between "
        "test and another split."
    )
    assert leakage_check([leak("train", "test", "exact", 3, 0)])["verdict"] == "clean"


# Probabilities --------------------------------------------------------------------------------------------------------


def curve(n_off, n=10):
    """Bins of which the first ones lie off the line."""
    return [
        {"n": 40, "mean_predicted": 0.5, "observed": 0.2 if i < n_off else 0.5, "ci_low": 0.1, "ci_high": 0.3}
        if i < n_off
        else {"n": 40, "mean_predicted": 0.5, "observed": 0.5, "ci_low": 0.4, "ci_high": 0.6}
        for i in range(n)
    ]


def test_bins_are_off_when_more_than_by_chance():
    # Of ten intervals of 95 %, two or more leave their share out with probability 1 - 0.95^10 - 10 * 0.05 * 0.95^9 =
    # 0.086, three or more with 0.086 - 45 * 0.05^2 * 0.95^8 = 0.0115.
    assert bins_off(curve(0)) == (0, True)
    assert bins_off(curve(2)) == (2, True)
    assert bins_off(curve(3)) == (3, False)
    assert calibration_word(curve(2), 0.2) == "calibrated"
    assert calibration_word(curve(3), 0.04) == "nearly calibrated"
    assert calibration_word(curve(3), 0.06) == "not calibrated"


def test_probabilities_that_are_too_high_are_a_doubt(tmp_path):
    inputs = one_target(tmp_path)
    ensemble = inputs["ensembles"][0]
    bins = [("CTCF", i + 1, 50, 0.3 + 0.05 * i, 0.04 * i, max(0.04 * i - 0.1, 0), 0.04 * i + 0.1) for i in range(10)]
    write_table(Path(ensemble["reliability"]), RELIABILITY_HEADER, bins)
    text = Path(ensemble["metrics"]).read_text().replace("calibration_error\t0.02", "calibration_error\t0.345")
    Path(ensemble["metrics"]).write_text(text)
    html = render(inputs)
    check = checks_of(html)["probabilities are as often right as they say"]
    assert check[:2] == ["not calibrated", "error 0.345"]
    # means of 0.3 + 0.05 i and of 0.04 i over i = 0..9
    assert "as a whole they are too high, 0.525 where 0.180 are positive" in check[2]
    assert "Probabilities are not as often right as they say: error 0.345." in doubts_of(inputs)
    assert "<b>CTCF</b>, not calibrated<br>error 0.345; 0 of 10 bins on the line" in html


def test_quantities_have_no_reliability(tmp_path):
    html = render(make_regression(tmp_path))
    assert "probabilities are as often right as they say" not in checks_of(html)
    assert "<h3>Reliability" not in html
    assert "the score holds by GC content" in checks_of(html)


# Parts of the test rows -----------------------------------------------------------------------------------------------


def with_strata(inputs, rows):
    write_table(Path(inputs["ensembles"][0]["strata"]), STRATA_HEADER, rows)
    return inputs


def level(stratum, name, value, low, high):
    return (stratum, name, 0.2, 0.4, "CTCF", "auroc", value, low, high, 80, 40)


def test_a_part_in_which_the_score_drops_is_a_doubt(tmp_path):
    inputs = one_target(tmp_path)  # 0.805
    rows = [
        level("gc", "low", 0.6, 0.5, 0.7),
        level("gc", "middle", 0.7, 0.6, 0.85),
        level("gc", "high", 0.9, 0.85, 0.95),
    ]
    html = render(with_strata(inputs, rows))
    check = checks_of(html)["the score holds by GC content"]
    assert check[:2] == ["drops in 1 of 3 parts", "0.600 (0.500–0.700) at GC 0.20–0.40"]
    assert check[2].startswith("GC 0.20–0.40 0.600 (0.500–0.700) where all rows have 0.805.")
    assert "The score is lower within levels of GC content: 0.600 (0.500–0.700) at GC 0.20–0.40." in doubts_of(inputs)
    assert "<h3>Parts of the test rows" in html


def test_weak_peaks_alone_are_no_doubt(tmp_path):
    inputs = one_target(tmp_path)
    rows = [level("strength", "low", 0.6, 0.5, 0.7), level("strength", "high", 0.9, 0.85, 0.95)]
    check = checks_of(render(with_strata(inputs, rows)))["the score holds by strength of the peak"]
    assert check[:2] == ["lower for weak peaks", "0.600 (0.500–0.700) at weakest third"]
    assert "strength of the peaks" not in doubts_of(inputs)
    strong = [level("strength", "low", 0.9, 0.8, 1.0), level("strength", "high", 0.6, 0.5, 0.7)]
    assert "The score depends on the strength of the peaks: 0.600" in doubts_of(with_strata(inputs, strong))


def test_levels_without_scores_have_no_chart(tmp_path):
    rows = [level("similarity", "high", "", "", "")]
    html = render(with_strata(one_target(tmp_path), rows))
    check = checks_of(html)["the score holds by likeness to training sequences"]
    assert check == ["not known", "–", "Too few rows of either class: 20–40 % alike."]
    assert "<h3>Parts of the test rows" not in html


# Filters --------------------------------------------------------------------------------------------------------------


def test_matches_that_the_nulls_have_too_are_a_doubt(tmp_path):
    inputs = one_target(tmp_path, seeds=(0, 1, 2))
    for run, p in zip(inputs["runs"], (0.01, 0.3, 0.02), strict=True):
        nulls = {"untrained": 1, "permuted": 0, "column_shuffled": 0.5}
        run["calibration"] = make_calibration(Path(run["calibration"]), nulls=nulls, rate=0.5, p=p)
    html = render(inputs)
    check = checks_of(html)["filters match known motifs more often than without learning"]
    assert check[0] == "in 2 of 3 seeds"
    assert check[1] == "3 of 12 (25 %); false discovery rate 0.50 (at most 1.00)"
    assert "Not every seed has filters that match known motifs more often than by chance: 3 of 12" in doubts_of(inputs)
    # 3 of 12, 0 of 4 (one network, whatever the seed) and 1.5 of 12
    overview = Page(section(html, "overview")).text
    assert "3/12 by chance 0–25 %" in re.sub(r"\s+", " ", overview)
    rows = {row[0]: row for row in rows_of(html)}
    assert rows["the trained network"][1:5] == ["12", "6", "3", "25 %"]
    assert rows["one trained on permuted labels"][1:5] == ["4", "2", "0", "0 %"]
    assert rows["the columns of its PWMs shuffled"][3:5] == ["1.5", "12 %"]


def test_no_share_of_filters_is_told_without_its_criterion_and_null(tmp_path):
    for number, has_nulls in enumerate((True, False)):
        inputs = one_target(tmp_path / str(number))
        for run in inputs["runs"] if not has_nulls else []:
            run["calibration"] = ""
        text = plain(Page(render(inputs)).text)
        shares = re.findall(r"[^.]*filters[^.]*\(\d+ %[^.]*match[^;]*; [^.;]*", text)
        assert len(shares) == 2  # at the top, and above the filters
        for share in shares:
            assert "q < 0" in share or "at q" in share
        for share in re.findall(r"filters[^;]*\(\d+ %[^;]*match[^;]*; ([^.;]*)", text):
            assert share.startswith("by chance" if has_nulls else "no null stands beside it")


def test_only_the_criterion_in_use_is_read(tmp_path):
    inputs = one_target(tmp_path, seeds=(0,))
    rows = [
        ("trained", q, in_use, 4, 1, 1, 1, 0.25, "", "", "untrained", expected, rate, rate, 0.01)
        for q, in_use, expected, rate in ((0.001, "no", 0, 0.63), (0.05, "yes", 0.1, 0.31))
    ]
    inputs["runs"][0]["calibration"] = write_table(tmp_path / "calibration.tsv", CALIBRATION_HEADER, rows)
    text = Page(render(inputs)).text
    assert "false discovery rate 0.31 (at most 0.31)" in text
    assert "rate 0.63" not in text


# Pictures -------------------------------------------------------------------------------------------------------------


def test_the_mean_over_seeds_is_drawn_beside_them(tmp_path):
    inputs = one_target(tmp_path)
    html = render(inputs)
    assert "seed 0: 0.800" in html
    assert "mean over 2 seeds: 0.805" in html
    assert "GC content alone: 0.550" in html
    single = render(one_target(tmp_path / "one", seeds=(3,)))
    assert "seed 3: 0.830" in single
    assert "mean over" not in re.search(r"<h3>Test.*?</section>", single, flags=re.S).group().split("A good run")[0]


def test_pictures_are_drawn_for_every_target_and_their_mean(tmp_path):
    html = render(make_inputs(tmp_path))
    # scores of two targets and their mean; parts of the rows of two targets
    assert html.count('<svg class="whiskers"') == 3 + 2
    labels = re.findall(r'aria-label="(AUROC of[^"]*)"', html)
    assert labels[0] == "AUROC of networks and baselines with 95 % intervals, Mean of the targets"
    assert sum("parts of the test rows" in label for label in labels) == 2


def test_a_network_without_a_score_is_said_to_have_none(tmp_path):
    run = make_run(tmp_path, "fly", ["CTCF"], one_class=True)
    rows = [("small", "test", "CTCF", metric, "", "", "", 60, 0) for metric in ("auroc", "auprc")]
    rows.append(("small", "test", "all", "bootstrap_blocks", 40, "", "", 60, 0))
    write_table(Path(run["metrics"]), METRIC_HEADER, rows)
    write_predictions(Path(run["predictions"]), ["CTCF"], [("chr2R", i, i + 1, f"w{i}", 0, 0.5) for i in range(9)])
    database = write_motifs(tmp_path / "motifs.meme", MOTIFS)
    html = render({"runs": [run], "datasets": [make_dataset(tmp_path, "fly", ["CTCF"])], "database": database})
    check = checks_of(html)["better than each baseline"]
    assert check[0] == "no score"
    assert "It has no test score." in check[2]
    assert "no score" in re.search(r'<svg class="whiskers".*?</svg>', html, flags=re.S).group()
