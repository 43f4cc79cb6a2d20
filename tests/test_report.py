"""The report page: what it says, and that it is closed, complete without JavaScript and safe with odd names."""

import base64
import hashlib
import re
from collections import Counter
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from report_check_inputs import scores_of, with_checks
from report_inputs import (
    FILTER_HEADER,
    MATCH_HEADER,
    METRIC_HEADER,
    MOTIFS,
    TARGETS,
    make_dataset,
    make_inputs,
    make_run,
    metric_rows,
    write_motifs,
    write_table,
)

from cisflow.report import render_report
from cisflow.report_rows import filter_row
from cisflow.report_sentences import LIMITS

TEMPLATE = Path(__file__).parents[1] / "resources" / "report" / "report.html.j2"
SETTINGS = {
    "genome": "dm3",
    "config_file": "config/config.yaml",
    "database_name": "JASPAR 2026",
    "match_q": 0.05,
    "max_datasets_in_detail": 5,
    "max_epochs": {"small": 30, "large": 30},
    "negatives": "GC-matched, 1 per positive window",
    "version": "0.1.0",
    "seeds": [0, 1],
    "filters": {"min_information": 0.5, "trim_information": 0.25, "influence_rows": 2000},
    "windows": {"length": 250, "max_jitter": None},
    "splits": {"leakage": "drop", "kmer_length": 14, "min_containment": 0.2},
}


@pytest.fixture
def inputs(tmp_path):
    return make_inputs(tmp_path)


def render(inputs, **settings):
    return render_report(template=TEMPLATE, settings={**SETTINGS, **settings}, **with_checks(inputs))


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


# The page -------------------------------------------------------------------------------------------------------------


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
    # two of distributions (no base is unknown); three of training; two for each of two targets
    assert html.count('<svg class="chart"') == 9
    # targets against targets, and leakage
    assert html.count('<svg class="matrix"') == 2
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
            (
                f"filter_{i}",
                "ok",
                250,
                0.5,
                1.5,
                9.5,
                "TGCATACTGGTACCAGTAC",
                "MA0533.1",
                "su(Hw)",
                1e-12,
                3e-10,
                0.01,
                1,
            )
            for i in range(64)
        ]
        write_table(Path(run["filters"]), FILTER_HEADER, rows)
        matches = [(f"filter_{i}", "MA0533.1", i % 5 - 2, 1e-12, 2e-12, 3e-10, 8, "A", "T", "-") for i in range(64)]
        write_table(Path(run["motif_matches"]), MATCH_HEADER, matches)
    third = {**inputs["runs"][0], "seed": 2}
    assert len(render({**inputs, "runs": [*inputs["runs"], third]}).encode()) < 1_000_000


# What it says ---------------------------------------------------------------------------------------------------------


def test_scores_are_means_over_seeds_with_their_spread(inputs):
    row = scores_of(inputs)[0]
    assert row["score"] == pytest.approx((0.8 + 0.9) / 2)
    assert (row["low"], row["high"]) == (pytest.approx(0.82), pytest.approx(0.88))
    assert (row["seed_low"], row["seed_high"]) == (0.8, 0.9)
    assert row["baseline"] == 0.55
    text = Page(render(inputs)).text
    sentence = (
        "test AUROC 0.850 (95 % interval 0.820–0.880; mean over 2 seeds, each alone 0.800–0.900): "
        "better than GC content alone, which reaches 0.550 (difference +0.300, +0.250 to +0.350)."
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
    assert "2 of 8 first-layer filters in 2 networks (25 %, 2 dead, counted in) match" in text
    assert (
        "match a motif of JASPAR 2026 at q < 0.05; by chance 0 % of the same network before training, 0 % of one "
        "trained on permuted labels and 2 % with the columns of the PWMs shuffled; false discovery rate 0.05 (at most "
        "0.10)." in text
    )
    assert "su(Hw) (MA0533.1) in 2 of 2 seeds (2 filters, best q 3.0e-10)" in text
    assert "database: the test database" in text


def test_a_match_above_the_criterion_is_shown_as_such(inputs):
    text = Page(render(inputs, match_q=1e-12)).text
    assert "0 of 8 first-layer filters" in text
    assert "(above the criterion)" in text
    assert "The target's own motif is no filter's best match" in text


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
        f"Fewer than {LIMITS['few_positives']}",
        "own motif",
    ):
        assert absent not in text


def test_doubts_of_a_poor_run(tmp_path):
    database = write_motifs(tmp_path / "motifs.meme", {**MOTIFS, "MA0001.1": ("CTCF", "CCGGAA")})
    run = make_run(tmp_path, "fly", ["CTCF"], auroc=0.57, kept=2, n_filters_dead=9)
    write_table(Path(run["metrics"]), METRIC_HEADER, metric_rows("small", ["CTCF"], 0.57, n_positive=40, blocks=7))
    poor = {"runs": [run], "datasets": [make_dataset(tmp_path, "fly", ["CTCF"])], "database": database}
    text = doubts_of(poor, max_epochs={"small": 5})
    for expected in (
        "Not told apart from a baseline: CTCF 0.570, not told apart from GC content alone (0.550).",
        "Fewer than 100 test positives: CTCF 40.",
        "One seed only: every network.",
        "Fewer than 20 bootstrap blocks: fly 7.",
        "Training ended at its last allowed epoch: seed 0, epoch 2 of 5.",
        "The kept epoch is among the first 2: seed 0, epoch 2 of 5.",
        "More than 25 % of the filters are dead: seed 0, 9 of 12.",
        "The target's own motif is no filter's best match: CTCF (MA0001.1).",
    ):
        assert expected in text
    assert "last allowed epoch" not in doubts_of(poor, max_epochs={"small": 6})


def test_no_doubt_is_said_too(inputs, tmp_path):
    for run in inputs["runs"]:
        write_table(Path(run["metrics"]), METRIC_HEADER, metric_rows("small", TARGETS, 0.8))
    rows = [("Su(Hw)", "peaks_read", 100, ""), ("Su(Hw)", "dropped_n", 1, ""), ("Su(Hw)", "peaks_kept", 99, "")]
    write_table(Path(inputs["datasets"][0]["windows_report"]), "target outcome count criterion", rows)
    assert "raised a doubt" in doubts_of(inputs)


def test_settings_are_printed(inputs):
    text = Page(render(inputs)).text
    for expected in ("windows: length 250", "GC-matched, 1 per positive window", "seeds 0, 1", "config/config.yaml"):
        assert expected in text


# What may be missing --------------------------------------------------------------------------------------------------


def test_network_without_one_live_filter(inputs):
    for run in inputs["runs"]:
        rows = [("filter_0", "dead", 0, "", 0, "", "", "", "", "", "", 0, "")]
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
        ("small", "test", "all", "bootstrap_blocks", 40, "", "", 60, 0),
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
    assert "median test AUROC 0.680 over 10 scores" in page.text
    # 0.50, 0.54, 0.58 and 0.62 - 0.07 differ from 0.55 by up to 0.05, which the verdicts here do not tell apart
    assert (
        "Beside the baselines: 14 of 20 AUROC scores are better than every baseline, 6 are not told apart from one, 0 "
        "are worse than one." in page.text
    )
