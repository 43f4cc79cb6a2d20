"""Pages of quantitative targets, of many networks, of those without epochs or filters, and what trainings warned of."""

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_check_inputs import scores_of
from report_inputs import (
    METRIC_HEADER,
    MOTIFS,
    TARGETS,
    make_dataset,
    make_inputs,
    make_many_networks,
    make_regression,
    make_run,
    metric_rows,
    value_metric_rows,
    value_rows,
    write_motifs,
    write_table,
)
from scipy.stats import pearsonr, spearmanr
from test_report import Page, doubts_of, render
from test_report_data import page_of

from cisflow.report_doubts import WARNINGS
from cisflow.report_rows import training_row, validation_score, warning_rows
from cisflow.report_scores import headline_rows

OF_LABELS = ("AUROC", "AUPRC", "positives", "prevalence", "ROC", "peaks were", "labelled 1")
SAW_TEST = ("parent_saw_test", "the parent network was trained on chr2R, which this fold tests on.")
SAW_VAL = ("parent_saw_val", "the parent network was trained on chr3L, which this fold validates on")


def warn(run, *rows):
    """Give a run a warnings.tsv."""
    run["warnings"] = write_table(Path(run["metrics"]).with_name("warnings.tsv"), "kind warning", rows)


def section(html, identifier):
    return re.search(rf'<section (?:class="[^"]*" )?id="{identifier}".*?</section>', html, flags=re.S).group()


def compared(html):
    """The tables of networks beside each other, without those of their differences."""
    return section(html, "overview").split("<h3>Networks against one another")[0]


def rows_of(html):
    """The rows of the tables of a piece of a page, as lists of texts."""
    return [
        [
            re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", cell)).strip()
            for cell in re.findall(r"<t[dh].*?</t[dh]>", row, re.S)
        ]
        for row in re.findall(r"<tr.*?</tr>", html, flags=re.S)
    ]


# Quantitative targets ------------------------------------------------------------------------------------------------


def test_quantitative_scores_are_those_of_scipy(tmp_path):
    inputs = make_regression(tmp_path, seeds=(0, 1, 2))
    rows = {row["target"]: row for row in scores_of(inputs)}
    assert list(rows) == ["Dev", "Hk", "mean"]
    expected = {"Dev": [], "Hk": []}
    for run in inputs["runs"]:
        table = pd.read_csv(run["predictions"], sep="\t")
        for target, found in expected.items():
            y, p = table[target], table[f"{target}_predicted"]
            found.append((pearsonr(y, p)[0], spearmanr(y, p)[0], np.mean((y - p) ** 2), np.var(y)))
    for target, found in expected.items():
        means = np.mean(found, axis=0)
        assert [rows[target][name] for name in ("score", "second", "mse", "variance")] == pytest.approx(means, rel=1e-4)
        assert rows[target]["seed_low"] == pytest.approx(min(values[0] for values in found))
        assert rows[target]["verdict"] == "better"
    assert math.isnan(rows["mean"]["mse"])
    assert [row["target"] for row in headline_rows(rows.values())] == ["mean"]


def test_page_of_quantitative_targets_alone_says_nothing_of_labels(tmp_path):
    inputs = make_regression(tmp_path)
    page = page_of(inputs)
    for word in OF_LABELS:
        assert not re.search(rf"\b{word}\b", page.text), word
    [dev, *_] = scores_of(inputs)
    assert f"Dev: test Pearson r {dev['score']:.3f} (95 % interval" in page.text
    difference = dev["score"] - dev["baseline"]
    assert (
        f"better than GC content alone, which reaches {dev['baseline']:.3f} (difference {difference:+.3f}" in page.text
    )
    assert f"mean squared error {dev['mse']:.3f} where the mean of the measured values would have" in page.text
    assert "Validation Pearson r, small" in page.text
    assert "the cloud lies along the broken line" in page.text
    assert page.text.count("Spearman ρ") > 5


def test_predictions_are_drawn_beside_the_baseline(tmp_path):
    inputs = make_regression(tmp_path)
    html = render(inputs)
    # network and baseline for each of two targets; two of training, one of distributions
    assert html.count('<svg class="panel"') == 4
    assert html.count('<svg class="chart"') == 3
    rows = {row["target"]: row for row in scores_of(inputs)}
    for target in ("Dev", "Hk"):
        label = f"{target}: predicted against measured values, small, Pearson r {rows[target]['score']:.3f}"
        assert f'aria-label="{label}' in html
        assert f"Pearson r {rows[target]['baseline']:.3f}, Spearman" in html


def test_page_of_many_rows_stays_small(tmp_path):
    html = render(make_regression(tmp_path, n=30_000, seeds=(0, 1, 2)))
    assert len(html) < 250_000
    assert "darkest cell" in html


def test_labels_and_values_stand_on_one_page(tmp_path):
    labels, values = make_inputs(tmp_path), make_regression(tmp_path)
    both = {**labels, **{name: labels[name] + values[name] for name in ("runs", "datasets")}}
    html = render(both)
    page_of(both)
    overview = section(html, "overview")
    assert overview.count("<table") == 2
    assert {"Labels", "Quantitative targets"} <= set(re.findall(r"<h3>(.*?)</h3>", overview))
    text = Page(html).text
    assert "a validation AUROC below 0.6 or Pearson r below 0.1" in text
    assert "fly, Su(Hw): test AUROC 0.850" in text
    assert "starr, Dev: test Pearson r" in text


def quantitative_doubts(tmp_path, change, **options):
    """Doubts of a page whose predictions of one target were changed."""
    inputs = make_regression(tmp_path, targets=["Dev"], **options)
    for run in inputs["runs"]:
        truth, predicted = value_rows(1, 0.7, options.get("n", 240))
        rows = value_metric_rows("small", ["Dev"], *change(truth, predicted))
        write_table(Path(run["metrics"]), METRIC_HEADER, rows)
    return doubts_of(inputs)


def test_a_scale_that_was_not_learned_is_a_doubt(tmp_path):
    title = "Squared errors are no smaller than those of a constant: Dev MSE"
    assert title in quantitative_doubts(tmp_path, lambda y, p: (y, p + 3))
    assert title not in quantitative_doubts(tmp_path, lambda y, p: (y, p))


def test_a_correlation_of_a_few_large_values_is_a_doubt(tmp_path):
    def with_outlier(y, p):
        rng = np.random.default_rng(3)
        y, p = y.copy(), rng.normal(0, 1, p.shape)
        y[:3], p[:3] = 40, 40
        return y, p

    title = "Pearson's r exceeds Spearman's ρ by more than 0.1: Dev 0.9"
    assert title in quantitative_doubts(tmp_path, with_outlier)
    assert title not in quantitative_doubts(tmp_path, lambda y, p: (y, p))


def test_few_values_are_a_doubt(tmp_path):
    assert "Fewer than 200 test values: Dev 150." in quantitative_doubts(tmp_path, lambda y, p: (y, p), n=150)


def test_a_network_that_learned_no_values_is_a_doubt(tmp_path):
    inputs = make_regression(tmp_path, seeds=(0,))
    table = pd.read_csv(inputs["runs"][0]["history"], sep="\t")
    table["val_pearson"] = 0.03
    table.to_csv(inputs["runs"][0]["history"], sep="\t", index=False)
    text = doubts_of(inputs)
    assert "The validation Pearson r of the kept epoch is below 0.1: seed 0, epoch 3 of 5, Pearson r 0.030." in text
    assert "AUROC" not in text
    assert "class weights" not in text


def test_constant_predictions_have_no_correlation(tmp_path):
    inputs = make_regression(tmp_path, targets=["Dev"], seeds=(0,))
    unknown = [(m, "test", "Dev", metric, "", "", "", 240, "") for m in ["x"] for metric in ("pearson", "spearman")]
    write_table(Path(inputs["datasets"][0]["baseline_metrics"]), METRIC_HEADER, unknown)
    page = page_of(inputs)
    assert "nothing to stand beside it: GC content alone has no score (a constant prediction)." in page.text
    write_table(Path(inputs["runs"][0]["metrics"]), METRIC_HEADER, unknown)
    page = page_of(inputs)
    assert "No correlation: Dev." in page.text
    assert "No picture: the predictions or the measured values of the test rows do not vary." in page.text


# Many networks --------------------------------------------------------------------------------------------------------


def test_the_best_on_validation_is_marked_and_not_the_best_on_test(tmp_path):
    inputs = make_many_networks(tmp_path)
    html = render(inputs)
    overview = compared(html)
    rows = rows_of(overview)[1:]
    scores = [float(row[1]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert len(rows) == 14 + 1  # and the baseline
    marked = [row[0] for row in rows if "best on validation" in row[0]]
    assert marked == ["network_00 best on validation"]
    assert rows[0][0] != marked[0]  # validation falls with the number, test does not
    # network 0: 0.70 + 0.15 * 2 / 14; (0 * 5 + 2) % 14 = 2 is the third smallest of 14
    sentence = (
        "network_00 has the best validation AUROC (0.902, mean of 3 seeds) of 14 networks; on test it reaches 0.721"
    )
    text = Page(html).text
    assert sentence in text
    assert "place 12 of 14" in text
    assert "CTCF (network_00): test AUROC 0.721" in text
    assert "highest of many test scores is partly luck" in text
    best = rows[0][0]
    assert not re.search(rf"\b(best|highest)\b[^.]*{best}", Page(section(html, "in-short")).text, re.I)


def test_a_row_of_the_comparison_sums_up_its_seeds(tmp_path):
    inputs = make_many_networks(tmp_path, n_models=2)
    header, first, second, baseline = rows_of(compared(render(inputs)))
    # network 1: 0.70 + 0.15 * (5 + 2) % 2 / 2 = 0.775; seeds 0.01 apart; validation 0.89, 0.892, 0.894
    assert header[0] == "model"
    assert first == [
        "network_01",
        "0.775",
        "0.745–0.805",
        "",
        "0.775 ± 0.010 0.765–0.785",
        "better",
        "0.575",
        "0.892",
        "2,000",
        "3",
        "8",
    ]
    assert second[0] == "network_00 best on validation"
    assert second[7:9] == ["0.902", "1,000"]
    assert baseline[:3] == ["GC content alone", "0.550", "0.520–0.580"]


def test_more_than_a_few_networks_are_folded(tmp_path):
    inputs = make_many_networks(tmp_path)
    html = render(inputs)
    page_of(inputs)
    assert html.count('<details class="network">') == 2 * (14 - 3)  # training and filters
    before, after = html.split('<details class="network">', 1)
    for number in range(14):
        assert (f">Loss, network_{number:02}<" in before) == (number < 3)
        assert (f">Loss, network_{number:02}<" in after) == (number >= 3)
    # two of distributions, three of training of each network, two of each of three groups of networks
    assert html.count('<svg class="chart"') == 2 + 14 * 3 + 3 * 2
    summaries = re.sub(r"\s+", " ", " ".join(re.findall(r"<summary>(.*?)</summary>", html, re.S)))
    assert "network_04, network_05, network_06, network_07, network_08" in summaries


def test_the_rows_that_all_networks_are_tested_on_are_counted_once(tmp_path):
    inputs = make_many_networks(tmp_path, n_models=3, seeds=(0,))
    for run in inputs["runs"]:
        rows = [(*row[:8], 40) for row in metric_rows(run["model"], ["CTCF"], 0.7)]
        write_table(Path(run["metrics"]), METRIC_HEADER, rows)
    assert "Fewer than 100 test positives: CTCF 40." in doubts_of(inputs)


def test_two_networks_of_one_dataset_stand_open(tmp_path):
    html = render(make_many_networks(tmp_path, n_models=2))
    assert '<details class="network">' not in html
    assert Page(html).text.count("Networks compared") == 2  # title and link


def test_networks_are_compared_on_each_target(tmp_path):
    html = render(make_many_networks(tmp_path, n_models=3, seeds=(0,), targets=TARGETS))
    overview = compared(html)
    assert overview.count("<table") == 3
    assert "<b>Mean of the targets.</b>" in overview
    many = [f"T{number}" for number in range(20)]
    inputs = make_many_networks(tmp_path / "many", n_models=2, seeds=(0,), targets=many)
    overview = compared(render(inputs))
    assert overview.count("<table") == 2
    assert "Each of 20 targets" in overview
    assert len(rows_of(overview)) == (1 + 3) + (1 + 20 * 3)
    page_of(inputs)


def test_networks_of_several_datasets_are_compared_in_their_details(tmp_path):
    runs, datasets = [], []
    for name in ("one", "two"):
        validation = {"small": 0.8, "large": 0.9} if name == "one" else {"small": 0.85, "large": 0.7}
        runs += [make_run(tmp_path, name, ["CTCF"], model=model, validation=v) for model, v in validation.items()]
        datasets.append(make_dataset(tmp_path, name, ["CTCF"]))
    database = write_motifs(tmp_path / "motifs.meme", MOTIFS)
    html = render({"runs": runs, "datasets": datasets, "database": database})
    text = Page(html).text
    assert "one, chosen on validation: large has the best validation AUROC (0.900) of 2 networks" in text
    assert "two, chosen on validation: small has the best validation AUROC (0.850) of 2 networks" in text
    assert html.count("<h3>Networks compared</h3>") == 2
    assert [row[2] for row in rows_of(section(html, "overview"))[1:]] == [
        "small",
        "large chosen",
        "small chosen",
        "large",
    ]


def test_one_network_is_compared_with_none(tmp_path):
    html = render(make_inputs(tmp_path))
    assert "Networks compared" not in html
    assert "best on validation" not in html
    assert "validation AUROC" not in section(html, "overview")


# What trainings warn of -----------------------------------------------------------------------------------------------


def test_warnings_stand_at_the_top_and_beside_their_network(tmp_path):
    inputs = make_inputs(tmp_path)
    for run in inputs["runs"]:
        warn(run, SAW_TEST)
    warn(inputs["runs"][1], SAW_TEST, ("odd_thing", "<b>something</b> else"))
    html = render(inputs)
    page_of(inputs)
    doubts = doubts_of(inputs)
    assert doubts.strip().startswith(
        "What to doubt A network's parent has seen what is tested here: seeds 0, 1: the parent"
    )
    assert "Warning of a training: odd thing: seed 1: <b>something</b> else." in doubts
    assert ".." not in doubts
    beside = Page(section(html, "dataset-1")).text
    assert "Warning, parent saw test (small, seeds 0, 1): the parent network was trained on chr2R" in beside
    assert "Warning, odd thing (small, seed 1): <b>something</b> else." in beside


def test_empty_and_missing_warnings_are_none(tmp_path):
    runs = make_inputs(tmp_path)["runs"]
    warn(runs[0])
    assert warning_rows(runs) == []
    Path(runs[0]["warnings"]).write_text("")
    runs[1]["warnings"] = ""
    assert warning_rows(runs) == []


@pytest.mark.parametrize(("warning", "split"), [(SAW_TEST, "test"), (SAW_VAL, "validation")])
def test_a_network_whose_parent_saw_too_much_is_not_chosen(tmp_path, warning, split):
    inputs = make_many_networks(tmp_path, n_models=4)
    for run in inputs["runs"][:3]:
        warn(run, warning)
        run["parent"] = "transfer from yeast_pair, motif_cnn"
    html = render(inputs)
    rows = rows_of(section(html, "overview"))
    [chosen] = [row[0] for row in rows if "best on validation" in row[0]]
    assert chosen.startswith("network_01")
    assert any(
        row[0] == f"network_00 {warning[0].replace('_', ' ')} transfer from yeast_pair, motif_cnn" for row in rows
    )
    text = Page(html).text
    assert "network_01 has the best validation AUROC (0.892, mean of 3 seeds) of 3 networks that may be chosen" in text
    assert f"Not among those that may be chosen: network_00 (its parent has seen the {split} split)." in text
    assert "Strategy of network_00: transfer from yeast_pair, motif_cnn." in text


def test_every_known_warning_has_a_title_and_an_advice(tmp_path):
    inputs = make_inputs(tmp_path)
    warn(inputs["runs"][0], *((kind, "text") for kind in WARNINGS))
    text = doubts_of(inputs)
    for title, advice in WARNINGS.values():
        assert f"{title}: seed 0: text." in text
        assert advice in text


# Networks without epochs or filters -----------------------------------------------------------------------------------


def with_linear_model(tmp_path):
    inputs = make_inputs(tmp_path)
    options = {"has_filters": False, "has_history": False, "parent": "features of small"}
    linear = [make_run(tmp_path, "fly", TARGETS, model="linear", seed=seed, auroc=0.7, **options) for seed in (0, 1)]
    tracks = make_run(tmp_path, "fly", TARGETS, model="tracks", has_filters=False, validation=0.6)
    return {**inputs, "runs": [*inputs["runs"], *linear, tracks]}


def test_models_without_epochs_and_filters_stand_in_the_comparison(tmp_path):
    inputs = with_linear_model(tmp_path)
    for run in inputs["runs"]:
        run.setdefault("history", "")  # an empty path says the same as none
        run.setdefault("motif_matches", "")
    page_of(inputs, max_epochs={"small": 30, "tracks": 30})
    html = render(inputs, max_epochs={"small": 30, "tracks": 30})
    names = [row[0] for row in rows_of(section(html, "overview"))]
    assert any(name == "linear features of small" for name in names)
    text = Page(html).text
    assert "linear: no training curves (2 seeds without epochs)." in text
    assert "Without filters of the sequence: tracks, linear." in text
    assert "2 of 8 first-layer filters in 2 networks" in text  # those of the network that has some


def test_no_filters_at_all_leave_no_word_of_motifs(tmp_path):
    inputs = make_inputs(tmp_path)
    for run in inputs["runs"]:
        for name in ("filters", "filters_meme", "motif_matches"):
            del run[name]
    inputs["datasets"][0]["motif_enrichment"] = ""
    page = page_of({**inputs, "database": None})
    for word in ("first-layer", "JASPAR 2026 at", "filters matched", "Filters", "motifs"):
        assert word not in page.text.split("Methods and settings")[1].split("database name")[0]


def test_a_model_without_epochs_is_chosen_by_the_validation_rows_of_its_metrics(tmp_path):
    run = {**make_run(tmp_path, "fly", ["a", "b"], model="linear", has_history=False), "task": "binary"}
    rows = [("linear", "val", target, "auroc", value, "", "", 9, 3) for target, value in (("a", 0.7), ("b", 0.9))]
    write_table(Path(run["metrics"]), METRIC_HEADER, rows)
    assert training_row(run) is None
    assert validation_score(run, None) == pytest.approx(0.8)
    write_table(Path(run["metrics"]), METRIC_HEADER, [*rows, ("linear", "val", "mean", "auroc", 0.81, "", "", 9, 3)])
    assert validation_score(run, None) == 0.81
    write_table(Path(run["metrics"]), METRIC_HEADER, [("linear", "test", "a", "auroc", 0.7, "", "", 9, 3)])
    assert math.isnan(validation_score(run, None))


def test_validation_of_a_linear_model_is_that_of_what_it_kept(tmp_path):
    header = "target setting value steps train_loss val_loss val_pearson kept"
    rows = [
        ("a", "alpha", 1, "", 1, 1, 0.9, 0),
        ("a", "alpha", 10, "", 1, 0.9, 0.4, 1),
        ("b", "alpha", 1, "", 1, 1, 0.6, 1),
    ]
    run = make_run(tmp_path, "fly", ["a", "b"], model="linear", task="regression", has_history=False)
    run |= {"task": "regression", "choice": write_table(tmp_path / "choice.tsv", header, rows)}
    assert validation_score(run, None) == pytest.approx(0.5)


def test_many_warnings_of_one_network_are_folded(tmp_path):
    inputs = make_inputs(tmp_path)
    warn(inputs["runs"][0], *(("edge_of_grid", f"target {i}: at the end") for i in range(20)))
    text = Page(render(inputs)).text
    assert "14 more warnings of small" in text
    assert all(f"target {i}: at the end" in text for i in range(20))
    assert "seed 0: target 5: at the end; and 14 more." in doubts_of(inputs)


def test_the_filters_that_are_drawn_are_limited(tmp_path, monkeypatch):
    # Fourteen networks of three seeds once made a page of many megabytes.
    monkeypatch.setattr("cisflow.report_details.FILTERS_ON_PAGE", 20)
    inputs = make_many_networks(tmp_path, n_models=4, seeds=(0, 1))
    html = render(inputs)
    assert html.count('<svg class="logo"') == 2 * (20 // 4)  # two of four filters have a motif
    text = Page(html).text
    assert "The filters of network_03, seeds 0, 1, are left out to keep this page small" in text
    assert "The filters of network_00" not in text  # the first network comes first
