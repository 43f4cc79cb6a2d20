"""The report page: what it says, and that it is closed, complete without JavaScript and safe with odd names."""

import base64
import hashlib
import math
import re
from collections import Counter
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from cisflow.messages import InputError
from cisflow.report import (
    FEW_POSITIVES,
    filter_row,
    fixed,
    input_table,
    listed,
    own_motif_rows,
    read_table,
    recurrence_rows,
    render_report,
    scientific,
    score_rows,
    span,
    training_row,
    verdict,
)

TEMPLATE = Path(__file__).parents[1] / "resources" / "report" / "report.html.j2"
TARGETS = ["Su(Hw)", "<b>BEAF & 32</b>"]
SETTINGS = {
    "genome": "dm3",
    "config_file": "config/config.yaml",
    "database_name": "JASPAR 2026",
    "match_q": 0.05,
    "max_datasets_in_detail": 5,
    "max_epochs": 30,
    "negatives": "GC-matched, 1 per positive window",
    "version": "0.1.0",
    "seeds": [0, 1],
    "windows": {"length": 250, "max_jitter": None},
}
MOTIFS = {"MA0533.1": ("su(Hw)", "TGCATACT"), "MA0001.1": ("other", "CCGGAA")}


def write_table(path, header, rows, comments=()):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [header.replace(" ", "\t"), *("\t".join(map(str, row)) for row in rows), *(f"# {c}" for c in comments)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def pwm_of(sequence):
    return [[0.91 if base == letter else 0.03 for letter in "ACGT"] for base in sequence]


def write_motifs(path, motifs):
    text = "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n"
    for identifier, (name, motif) in motifs.items():
        rows = pwm_of(motif) if isinstance(motif, str) else motif
        text += f"MOTIF {identifier} {name}\nletter-probability matrix: alength= 4 w= {len(rows)} nsites= 20 E= 0\n"
        text += "".join(" ".join(f"{p:.6f}" for p in row) + "\n" for row in rows) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def metric_rows(model, targets, auroc, n_positive=120, width=0.03, blocks=40):
    rows = []
    for target in targets:
        for metric, value in (("auroc", auroc), ("auprc", auroc - 0.2)):
            rows.append((model, "test", target, metric, value, value - width, value + width, 400, n_positive))
        rows.append((model, "test", target, "prevalence", n_positive / 400, "", "", 400, n_positive))
    if len(targets) > 1:
        rows += [
            (model, "test", "mean", metric, auroc, auroc - 0.02, auroc + 0.02, 400, "") for metric in ("auroc", "auprc")
        ]
    rows.append((model, "test", "all", "bootstrap_blocks", blocks, "", "", 400, ""))
    rows.append((model, "val", targets[0], "auroc", 0.111, "", "", 400, n_positive))  # must not be printed
    return rows


METRIC_HEADER = "model split target metric value ci_low ci_high n n_positive"
FILTER_HEADER = (
    "filter status n_sites threshold max_activation information_content consensus "
    "best_match best_match_name best_match_p best_match_q"
)
MATCH_HEADER = (
    "Query_ID Target_ID Optimal_offset p-value E-value q-value Overlap Query_consensus Target_consensus Orientation"
)


def prediction_rows(targets, one_class=False):
    rows = []
    for i in range(60):
        truth = 0 if one_class else int(i % 3 == 0)
        rows.append(
            ("chr2R", i * 300, i * 300 + 250, f"w{i}", *[x for _ in targets for x in (truth, (i * 7 % 60) / 60)])
        )
    rows.append(("chr2R", 0, 250, "unknown", *[x for _ in targets for x in ("", 0.5)]))
    return rows


def make_run(root, dataset, targets, model="small", seed=0, auroc=0.8, one_class=False, kept=3, n_filters_dead=1):
    folder = root / dataset / "holdout" / model / f"seed{seed}"
    header = "chrom start end name " + " ".join(f"{{{i}}} {{{i}}}_predicted" for i in range(len(targets)))
    predictions = write_table(folder / "predictions.tsv", header, prediction_rows(targets, one_class))
    names = ["chrom", "start", "end", "name", *[x for t in targets for x in (t, f"{t}_predicted")]]
    text = Path(predictions).read_text().split("\n", 1)[1]
    Path(predictions).write_text("\t".join(names) + "\n" + text)
    epochs = [(e, 0.7 / e, 0.6 / e, 0.5 + e / 20, 0.001, 1.5, int(e == kept)) for e in range(1, 6)]
    filters = [
        ("filter_0", "ok", 250, 0.5, 1.5, 9.5, "TGCATACT", "MA0533.1", "su(Hw)", 1e-12, 3e-10),
        ("filter_1", "ok", 90, 0.5, 1.1, 7.5, "ACGTAC", "", "", "", ""),
        ("filter_2", "few_sites", 4, 0.5, 0.6, "", "", "", "", "", ""),
        *[(f"filter_{3 + i}", "dead", 0, "", 0, "", "", "", "", "", "") for i in range(n_filters_dead)],
    ]
    matches = [("filter_0", "MA0533.1", 0, 1e-12, 2e-12, 3e-10, 8, "AGTATGCA", "TGCATACT", "-")]
    return {
        "dataset": dataset,
        "fold": "holdout",
        "model": model,
        "seed": seed,
        "history": write_table(
            folder / "history.tsv", "epoch train_loss val_loss val_auroc learning_rate seconds kept", epochs
        ),
        "predictions": predictions,
        "metrics": write_table(folder / "metrics.tsv", METRIC_HEADER, metric_rows(model, targets, auroc)),
        "filters": write_table(folder / "filters.tsv", FILTER_HEADER, filters),
        "filters_meme": write_motifs(
            folder / "filters.meme", {"filter_0": ("", "AGTATGCA"), "filter_1": ("", "ACGTAC")}
        ),
        "motif_matches": write_table(
            folder / "motif_matches.tsv", MATCH_HEADER, matches, ["database: the test database", "criterion: q < 0.05"]
        ),
    }


def make_dataset(root, dataset, targets, baseline=0.55):
    folder = root / dataset
    inputs = [
        (target, outcome, count, criterion)
        for target in [*targets, "all"]
        for outcome, count, criterion in (
            ("peaks_read", 1000, ""),
            ("dropped_n", 300, "more than 0 % N within 250 + 2 x 20 bp"),
            ("peaks_kept", 700, ""),
            ("windows", 650, ""),
        )
    ]
    splits = [
        (split, target, 400, 120, 270, 10, 0.45, 0.44, "chr2R,chr4")
        for split in ("train", "val", "test")
        for target in [*targets, "all"]
    ]
    run = make_run(root, dataset, targets, model="gc_content", seed="x")
    rows = metric_rows("gc_content", targets, baseline)
    return {
        "dataset": dataset,
        "fold": "holdout",
        "targets": targets,
        "windows_report": write_table(folder / "windows_report.tsv", "target outcome count criterion", inputs),
        "split_report": write_table(
            folder / "holdout" / "split_report.tsv",
            "split target n_windows n_positive n_negative n_unknown gc_positive gc_negative chromosomes",
            splits,
        ),
        "baseline_metrics": write_table(folder / "holdout" / "baselines" / "metrics.tsv", METRIC_HEADER, rows),
        "baseline_predictions": run["predictions"],
    }


@pytest.fixture
def inputs(tmp_path):
    database = write_motifs(tmp_path / "motifs.meme", MOTIFS)
    runs = [make_run(tmp_path, "fly", TARGETS, seed=seed, auroc=auroc) for seed, auroc in ((0, 0.8), (1, 0.9))]
    return {"runs": runs, "datasets": [make_dataset(tmp_path, "fly", TARGETS)], "database": database}


def render(inputs, **settings):
    return render_report(template=TEMPLATE, settings={**SETTINGS, **settings}, **inputs)


class Page(HTMLParser):
    """Structure of a page; fails on tags that do not nest."""

    VOID = ("meta", "link", "br", "input", "img", "hr")

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.ids, self.links, self.texts = [], Counter(), [], [], []
        self.attributes = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.note(attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] += 1
        self.note(attrs)

    def note(self, attrs):
        self.attributes += attrs
        self.ids += [value for key, value in attrs if key == "id"]
        self.links += [value for key, value in attrs if key == "href"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.texts.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))


# The page -----------------------------------------------------------------------------------------------------------


def test_page_parses_and_its_ids_are_unique(inputs):
    page = Page(render(inputs))
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_page_asks_for_nothing(inputs):
    html = render(inputs)
    page = Page(html)
    assert "http:" not in html
    assert "https:" not in html
    assert "@import" not in html
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert not any(
        key in ("src", "srcset", "style") and "url(" in (value or "") for key, value in page.attributes if value
    )
    assert not any(key.startswith("on") for key, _ in page.attributes)


def test_security_policy_fits_the_script(inputs):
    html = render(inputs)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html).group(1)
    script = re.search(r"<script>(.*?)</script>", html, flags=re.S).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert html.count("<script") == 1


def test_every_chart_is_there_without_javascript(inputs):
    html = re.sub(r"<script>.*?</script>", "", render(inputs), flags=re.S)
    # two of training; two for each of two targets
    assert html.count('<svg class="chart"') == 6
    # two filters with a motif in each of two seeds, one of them above its match
    assert html.count('<svg class="logo"') == 4
    assert html.count('class="logo-overlap"') == 2
    assert html.count('id="gA"') == 1


def test_names_cannot_break_the_page(inputs):
    html = render(inputs)
    assert "<b>BEAF" not in html
    assert escape("<b>BEAF & 32</b>") in html
    assert "Su(Hw)" in html


def test_nothing_unknown_is_printed(inputs):
    words = set(re.findall(r"[\w.-]+", Page(render(inputs)).text))
    assert not words & {"nan", "NaN", "None", "inf", "undefined", "Undefined"}


def test_same_tables_same_bytes(inputs):
    assert render(inputs) == render(inputs)


def test_page_of_three_seeds_and_64_filters_stays_below_a_megabyte(inputs):
    motifs = {f"filter_{i}": ("", "TGCATACTGGTACCAGTAC") for i in range(64)}
    rng = np.random.default_rng(0)
    for run in inputs["runs"]:
        motifs = {f"filter_{i}": ("", rng.dirichlet([0.5] * 4, 19)) for i in range(64)}
        write_motifs(Path(run["filters_meme"]), motifs)
        rows = [
            (f"filter_{i}", "ok", 250, 0.5, 1.5, 9.5, "TGCATACTGGTACCAGTAC", "MA0533.1", "su(Hw)", 1e-12, 3e-10)
            for i in range(64)
        ]
        write_table(Path(run["filters"]), FILTER_HEADER, rows)
        matches = [(f"filter_{i}", "MA0533.1", i % 5 - 2, 1e-12, 2e-12, 3e-10, 8, "A", "T", "-") for i in range(64)]
        write_table(Path(run["motif_matches"]), MATCH_HEADER, matches)
    third = {**inputs["runs"][0], "seed": 2}
    assert len(render({**inputs, "runs": [*inputs["runs"], third]}).encode()) < 1_000_000


# What it says -------------------------------------------------------------------------------------------------------


def test_scores_are_means_over_seeds_with_their_spread(inputs):
    row = score_rows(inputs["runs"], inputs["datasets"])[0]
    assert row["auroc"] == pytest.approx((0.8 + 0.9) / 2)
    assert (row["low"], row["high"]) == (pytest.approx(0.82), pytest.approx(0.88))
    assert (row["seed_low"], row["seed_high"]) == (0.8, 0.9)
    assert row["baseline"] == 0.55
    text = Page(render(inputs)).text
    sentence = (
        "test AUROC 0.850 (95 % interval 0.820–0.880; 2 seeds 0.800–0.900) against 0.550 (0.520–0.580) "
        "for GC content alone: better, and the intervals do not overlap."
    )
    assert text.count(sentence) == 2
    assert "Mean of the targets:" in text
    assert "0.111" not in text  # a validation score


def test_every_filter_is_in_the_denominator(inputs):
    row = filter_row(inputs["runs"][0], 0.05)
    assert (row["filters"], row["dead"], row["matched"]) == (4, 1, 1)
    assert row["statuses"] == {"ok": 2, "few_sites": 1, "dead": 1}
    assert filter_row(inputs["runs"][0], 1e-10)["matched"] == 0
    text = Page(render(inputs)).text.replace("\xa0", " ")
    assert "2 of 8 first-layer filters in 2 networks (25 %, 2 dead ones counted in) match" in text
    assert "match a motif of JASPAR 2026 at q < 0.05." in text
    assert "su(Hw) (MA0533.1) in 2 of 2 seeds (2 filters, best q 3.0e-10)" in text
    assert "database: the test database" in text


def test_a_match_above_the_criterion_is_shown_as_such(inputs):
    text = Page(render(inputs, match_q=1e-12)).text
    assert "0 of 8 first-layer filters" in text
    assert "(above the criterion)" in text
    assert "No filter matched the target's own motif" in text


def test_recurrence_counts_seeds_not_filters():
    motif = {"name": "su(Hw)", "filters": 3, "q": 1e-5}
    rows = [
        {"motifs": {"a": motif, "b": {**motif, "q": 1e-9}}},
        {"motifs": {"a": {**motif, "q": 1e-7}}},
        {"motifs": {}},
    ]
    first, second = recurrence_rows(rows)
    assert (first["motif"], first["seeds"], first["of_seeds"], first["filters"], first["q"]) == ("a", 2, 3, 6, 1e-7)
    assert (second["motif"], second["seeds"]) == ("b", 1)


def test_own_motif_is_found_by_name_whatever_the_case():
    class Named:
        def __init__(self, name):
            self.name = name

    database = {"M1": Named("su(Hw)"), "M2": Named("BEAF-32"), "M3": Named("")}
    rows = own_motif_rows(["Su(Hw)", "BEAF32", "CP190"], [{"motif": "M1", "seeds": 2}], database, 3)
    assert [(row["target"], row["motifs"], row["seeds"]) for row in rows] == [
        ("Su(Hw)", ["M1"], 2),
        ("BEAF32", ["M2"], 0),
    ]


def score(auroc, low, high, baseline, baseline_low, baseline_high):
    return {
        "auroc": auroc,
        "low": low,
        "high": high,
        "baseline": baseline,
        "baseline_low": baseline_low,
        "baseline_high": baseline_high,
    }


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (score(0.9, 0.85, 0.95, 0.6, 0.5, 0.7), "apart"),
        (score(0.9, 0.65, 0.95, 0.6, 0.5, 0.7), "overlap"),
        (score(0.9, math.nan, math.nan, 0.6, 0.5, 0.7), "overlap"),
        (score(0.6, 0.5, 0.7, 0.6, 0.5, 0.7), "not better"),
        (score(0.3, 0.2, 0.35, 0.6, 0.5, 0.7), "not better"),  # intervals apart, but on the wrong side
        (score(0.6, 0.5, 0.7, math.nan, math.nan, math.nan), ""),
        (score(math.nan, 0.5, 0.7, 0.5, 0.4, 0.6), ""),
    ],
)
def test_verdict(row, expected):
    assert verdict(row) == expected


def doubts_of(inputs, **settings):
    html = render(inputs, **settings)
    return Page(re.search(r'<section class="short doubts".*?</section>', html, flags=re.S).group()).text


def test_doubts_that_are_there(inputs):
    text = doubts_of(inputs)
    assert "Seeds differ by more than 0.05 in AUROC: Su(Hw) 0.800–0.900; <b>BEAF & 32</b> 0.800–0.900." in text
    assert "More than 20 % of the peaks were dropped: Su(Hw) 30 %" in text
    for absent in (
        "overlaps",
        "One seed",
        "last allowed epoch",
        "are dead",
        f"Fewer than {FEW_POSITIVES}",
        "own motif",
    ):
        assert absent not in text


def test_doubts_of_a_poor_run(tmp_path):
    database = write_motifs(tmp_path / "motifs.meme", {"MA0001.1": ("CTCF", "CCGGAA")})
    run = make_run(tmp_path, "fly", ["CTCF"], auroc=0.57, kept=2, n_filters_dead=9)
    write_table(Path(run["metrics"]), METRIC_HEADER, metric_rows("small", ["CTCF"], 0.57, n_positive=40, blocks=7))
    poor = {"runs": [run], "datasets": [make_dataset(tmp_path, "fly", ["CTCF"])], "database": database}
    text = doubts_of(poor, max_epochs=5)
    for expected in (
        "The interval overlaps that of the baseline: CTCF 0.570 against 0.550.",
        "Fewer than 100 test positives: CTCF 40.",
        "One seed only: every network.",
        "Fewer than 20 bootstrap blocks: fly 7.",
        "Training ended at its last allowed epoch: seed 0, epoch 2 of 5.",
        "The kept epoch is among the first 2: seed 0, epoch 2 of 5.",
        "More than 25 % of the filters are dead: seed 0, 9 of 12.",
        "No filter matched the target's own motif: CTCF (MA0001.1).",
    ):
        assert expected in text
    assert "last allowed epoch" in doubts_of(poor, max_epochs={"small": 5})
    assert "last allowed epoch" not in doubts_of(poor, max_epochs=None)


def test_no_doubt_is_said_too(inputs, tmp_path):
    for run in inputs["runs"]:
        write_table(Path(run["metrics"]), METRIC_HEADER, metric_rows("small", TARGETS, 0.8))
    rows = [("Su(Hw)", "peaks_read", 100, ""), ("Su(Hw)", "peaks_kept", 99, "")]
    write_table(Path(inputs["datasets"][0]["windows_report"]), "target outcome count criterion", rows)
    assert "raised a doubt" in doubts_of(inputs)


def test_settings_are_printed(inputs):
    text = Page(render(inputs)).text
    for expected in ("windows: length 250", "GC-matched, 1 per positive window", "seeds 0, 1", "config/config.yaml"):
        assert expected in text


# What may be missing ------------------------------------------------------------------------------------------------


def test_without_baseline_filters_or_database(inputs):
    bare = {
        "runs": [{**run, "filters": None, "filters_meme": None, "motif_matches": None} for run in inputs["runs"]],
        "datasets": [{**entry, "baseline_metrics": None, "baseline_predictions": None} for entry in inputs["datasets"]],
        "database": None,
    }
    page = Page(render(bare))
    assert "there is no baseline to compare with" in page.text
    assert "Filters: what was learned" not in page.text


def test_network_without_one_live_filter(inputs):
    for run in inputs["runs"]:
        rows = [("filter_0", "dead", 0, "", 0, "", "", "", "", "", "")]
        write_table(Path(run["filters"]), FILTER_HEADER, rows)
        Path(run["filters_meme"]).write_text("MEME version 4\n\nALPHABET= ACGT\n")  # the reader refuses empty files
        write_table(Path(run["motif_matches"]), MATCH_HEADER, [])
    assert "0 of 2 first-layer filters" in Page(render(inputs)).text


def test_test_split_of_one_class(tmp_path):
    run = make_run(tmp_path, "fly", ["CTCF"], one_class=True)
    rows = [
        ("small", "test", "CTCF", "auroc", "", "", "", 60, 0),
        ("small", "test", "CTCF", "auprc", "", "", "", 60, 0),
        ("small", "test", "CTCF", "prevalence", 0, "", "", 60, 0),
    ]
    write_table(Path(run["metrics"]), METRIC_HEADER, rows)
    database = write_motifs(tmp_path / "motifs.meme", MOTIFS)
    text = Page(
        render({"runs": [run], "datasets": [make_dataset(tmp_path, "fly", ["CTCF"])], "database": database})
    ).text
    assert "No curves" in text
    assert "No test score: CTCF." in text
    assert "nan" not in text.split()


def test_many_datasets_are_summed_up_and_only_some_shown(tmp_path):
    names = [f"set{i}" for i in range(10)]
    runs = [
        make_run(tmp_path, name, ["CTCF"], model=model, auroc=0.5 + i / 25)
        for i, name in enumerate(names)
        for model in ("small", "large")
    ]
    datasets = [make_dataset(tmp_path, name, ["CTCF"]) for name in names]
    database = write_motifs(tmp_path / "motifs.meme", MOTIFS)
    html = render({"runs": runs, "datasets": datasets, "database": database}, max_datasets_in_detail=2)
    page = Page(html)
    assert "Details follow for the first 2 of 10 datasets" in page.text
    assert {"dataset-1", "dataset-2"} <= set(page.ids)
    assert "dataset-3" not in page.ids
    overview = re.search(r'<section id="overview">.*?</section>', html, flags=re.S).group()
    assert overview.count("<tr") == 1 + 20
    # 0.50, 0.54 ... 0.86: their median, by hand
    assert "median test AUROC 0.680 over 10 targets" in page.text
    # 0.50 and 0.54 lie below 0.55; 0.58 is better but 0.55 < 0.58; 0.62 - 0.03 > 0.55 + 0.03
    assert "Beside GC content alone: 14 of 20 scores are better with intervals apart, 2 are better with" in page.text


# Tables and numbers -------------------------------------------------------------------------------------------------


def test_read_table_keeps_names_and_comments(tmp_path):
    path = write_table(tmp_path / "t.tsv", "target value", [("NA", 1), ('a"#b', ""), ("nan", 3)], ["first", "second"])
    table = read_table(path, ["value"], ["target"])
    assert list(table["target"]) == ["NA", 'a"#b', "nan"]
    assert table["value"].isna().tolist() == [False, True, False]
    assert table.attrs["comments"] == ["first", "second"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "is empty"), ("target\tother\nx\t1\n", "lacks the columns value"), ("value\ntwo\n", "not numeric")],
)
def test_read_table_says_what_is_wrong(tmp_path, text, message):
    path = tmp_path / "bad.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_table(path, ["value"])
    assert str(path) in str(error.value)


def test_input_table_follows_the_order_of_the_file(tmp_path):
    rows = [
        ("a", "peaks_read", 10, ""),
        ("a", "dropped_late", 4, "why"),
        ("a", "peaks_kept", 6, ""),
        ("b", "peaks_read", 0, ""),
    ]
    table = input_table(write_table(tmp_path / "w.tsv", "target outcome count criterion", rows))
    assert table["outcomes"] == ["peaks read", "dropped late", "peaks kept"]
    assert table["rows"][0]["counts"] == [10, 4, 6]
    assert table["rows"][0]["dropped"] == pytest.approx(0.4)
    assert math.isnan(table["rows"][1]["dropped"])
    assert table["criteria"] == [("dropped late", "why")]


def test_training_row_flags(tmp_path):
    run = make_run(tmp_path, "fly", ["CTCF"], kept=5)
    history = read_table(run["history"], ["epoch", "train_loss", "val_loss", "val_auroc", "seconds", "kept"])
    row = training_row(run, history)
    assert (row["epochs"], row["kept"], row["unfinished"], row["early"]) == (5, 5, True, False)
    assert training_row(run, history, max_epochs=50)["unfinished"] is False
    assert training_row(run, history, max_epochs=5)["unfinished"] is True
    assert row["val_loss"] == pytest.approx(0.12)


def test_numbers_as_text():
    assert [fixed(x, 2) for x in (0.125, 1234.5, math.nan, math.inf, None)] == ["0.12", "1,234.50", "–", "–", "–"]
    assert [scientific(x) for x in (3.14e-7, 0.0123, 0.0, 1.0, math.nan)] == ["3.1e-07", "0.0123", "0", "1", "–"]
    assert (span(0.1, 0.25), span(0.1, math.nan)) == ("0.100–0.250", "–")
    assert listed("abcdef", 4) == "a; b; c; d; and 2 more"
    assert listed("abc", 4) == "a; b; c"
