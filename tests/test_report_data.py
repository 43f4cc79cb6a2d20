"""What the report says of the data: sentences, doubts, and pages of data that no network was trained on."""

import math
import re
from pathlib import Path

import pytest
from report_inputs import (
    MOTIFS,
    NO_LEAKS,
    SELECTED_OUTCOMES,
    SEQUENCE_OUTCOMES,
    SPLIT_SIZES,
    TARGETS,
    make_dataset,
    make_overlaps,
    make_run,
    make_scaling,
    write_motifs,
    write_table,
)
from scipy.stats import kstwobign
from test_report import Page, doubts_of, render

from cisflow.report_data import balance_sentence, inputs_sentence, leak_sentence
from cisflow.report_data_sentences import chance_ks
from cisflow.report_tables import read_inputs

NO_NETWORKS = ("AUROC", "trainings", "first-layer", "bootstrap", "JASPAR", "seed", "epoch")


def of_data(*datasets):
    return {"runs": [], "datasets": list(datasets), "database": None}


def page_of(inputs, **settings):
    """A page, held to what every page is held to."""
    html = render(inputs, **settings)
    page = Page(html)
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert "http" not in html.replace("http-equiv", "")
    words = set(re.findall(r"[\w.-]+", page.text.replace("None of the checks", "")))
    assert not words & {"nan", "NaN", "None", "inf", "undefined", "Undefined"}
    return page


# Sentences ------------------------------------------------------------------------------------------------------------


def leaks(**counts):
    """Rows of leakage.tsv: kind to how many were found and how many are left."""
    return [
        {"split": "train", "other_split": "test", "kind": kind, "found": found, "dropped": found - left, "left": left}
        for kind, (found, left) in counts.items()
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (leaks(exact=(0, 0), overlap=(0, 0)), "no row of one split was found in another."),
        (
            leaks(exact=(1, 0)),
            "1 case of a row of one split in another was found (exact copies 1); all were dropped, none is left.",
        ),
        (
            leaks(exact=(0, 0), overlap=(1000, 40), near_duplicate=(234, 0)),
            "1,234 cases of a row of one split in another were found (overlaps 1,000, near-duplicates 234); 1,194 "
            "dropped, 40 left.",
        ),
    ],
)
def test_leak_sentence(rows, expected):
    assert leak_sentence(rows) == expected


def test_what_went_in_adds_up_in_words(tmp_path):
    rows = [("a", *outcome) for outcome in SELECTED_OUTCOMES]
    table = read_inputs(write_table(tmp_path / "w.tsv", "target outcome count criterion", rows))
    assert inputs_sentence(table["rows"][0], "peak") == (
        "1,000 peaks read, 600 of them selected by the sheet; 540 (90 %) kept. Dropped: excluded region 40; unknown "
        "contig 12; N bases 5; over an edge 3."
    )


def balance(fold, **ks):
    rows = [
        {"split": split, "quantity": "gc", "class": kind, "ks": value}
        for kind, values in ks.items()
        for split, value in zip(SPLIT_SIZES, values, strict=True)
    ]
    return {"fold": fold, "balance": rows}


def test_balance_is_told_of_every_kind_and_split():
    one = balance("holdout", gc_matched=(0.01, 0.02, math.nan), bed=(0.3, 0.4, 0.5))
    assert balance_sentence([one]).endswith(
        "GC-matched 0.010 (train), 0.020 (val); own file 0.300 (train), 0.400 (val), 0.500 (test)."
    )
    folds = [balance("fold1", flanking=(0.1, 0.2, 0.3)), balance("fold2", flanking=(0.05, 0.2, 0.25))]
    assert "flanking 0.050 to 0.300 over 2 folds." in balance_sentence(folds)
    assert "nothing to compare" in balance_sentence([balance("holdout")])


def test_chance_of_a_ks_statistic_is_that_of_its_limiting_distribution():
    for n, m in ((100, 100), (30, 4000)):
        assert chance_ks(n, m) == pytest.approx(kstwobign.isf(0.05) * math.sqrt((n + m) / (n * m)), rel=1e-3)
    assert math.isnan(chance_ks(0, 10))


# Doubts ---------------------------------------------------------------------------------------------------------------


def test_a_leak_that_is_left_is_a_doubt(tmp_path):
    kinds = {**NO_LEAKS, "overlap": (9, 2), "near_duplicate": (4, 4)}
    inputs = of_data(make_dataset(tmp_path, "fly", TARGETS, leaks=kinds))
    text = doubts_of(inputs)
    assert (
        "Rows of one split stand in another: train in val (overlaps 2, near-duplicates 4); train in test (overlaps 2, "
        "near-duplicates 4); val in test (overlaps 2, near-duplicates 4)."
    ) in text
    dropped = {**NO_LEAKS, "overlap": (9, 0)}
    assert "stand in another" not in doubts_of(of_data(make_dataset(tmp_path, "fly", TARGETS, leaks=dropped)))


def test_gc_matched_negatives_that_do_not_match_are_a_doubt(tmp_path):
    def doubts(**options):
        return doubts_of(of_data(make_dataset(tmp_path, "fly", TARGETS, **options)))

    title = "KS statistic of GC above 0.1 for GC-matched negatives:"
    # Of 120 rows against 120 chance gives up to 0.175, of 240 against 240 up to 0.124.
    assert f"{title} train 0.150; test 0.150." in doubts(ks={"gc_matched": 0.15})
    assert title not in doubts(ks={"gc_matched": 0.09})
    assert title not in doubts(kinds=("flanking",), ks={"flanking": 0.5})


def test_what_leaves_without_being_counted_is_a_doubt(tmp_path):
    outcomes = [("peaks_read", 1000, ""), ("dropped_n", 10, ""), ("peaks_kept", 987, "")]
    text = doubts_of(of_data(make_dataset(tmp_path, "fly", ["CTCF"], outcomes=outcomes)))
    assert "What was read is not what was kept and dropped: CTCF 3 peaks." in text


def test_few_test_positives_are_a_doubt_without_scores_too(tmp_path):
    dataset = make_dataset(tmp_path, "fly", ["CTCF"])
    path = Path(dataset["split_report"])
    path.write_text(path.read_text().replace("test\tCTCF\t400\t120", "test\tCTCF\t400\t31"))
    assert "Fewer than 100 test positives: CTCF 31." in doubts_of(of_data(dataset))


def test_selected_peaks_are_not_lost_peaks(tmp_path):
    assert "were dropped" not in doubts_of(of_data(make_dataset(tmp_path, "fly", TARGETS, outcomes=SELECTED_OUTCOMES)))


# Pages ----------------------------------------------------------------------------------------------------------------


def test_page_of_data_alone(tmp_path):
    page = page_of(of_data(make_dataset(tmp_path, "fly", TARGETS)), max_epochs={})
    assert "Nothing was trained: train.models is empty in config/config.yaml" in page.text
    for word in NO_NETWORKS:
        assert word not in page.text.replace("compare every score with that of", "")
    assert "overview" not in page.ids
    assert {"data", "dataset-1"} <= set(page.ids)
    assert "at least 20 % of the 14-mers of one in the other" in page.text
    assert "splits.leakage: drop" in page.text
    assert "Peaks: 1,000 peaks read; 700 (70 %) kept." in page.text


def test_no_table_of_the_page_is_empty(tmp_path):
    kinds = {"kinds": (), "task": "regression", "outcomes": SEQUENCE_OUTCOMES}
    html = render(of_data(make_dataset(tmp_path, "starr", ["Dev"], **kinds)), max_epochs={})
    assert not re.search(r"<tbody>\s*</tbody>", html)


def test_quantitative_sequences(tmp_path):
    dataset = make_dataset(tmp_path, "starr", ["Dev", "Hk"], outcomes=SEQUENCE_OUTCOMES, task="regression", kinds=())
    make_scaling(tmp_path / "starr" / "holdout", ["Dev", "Hk"], 1, 0.833, 1.421)
    make_overlaps(tmp_path / "starr", ["Dev", "Hk"], 650, 650)
    page = page_of(of_data(dataset), genome="none")
    assert "genome none ·" not in page.text
    assert "5,000 sequences read; 4,950 (99 %) kept. Dropped: too short 40; N bases 10." in page.text
    assert "have a value of every other too" in page.text
    assert "No negatives stand beside these rows" in page.text
    assert "first the natural logarithm of 1 + value" in page.text
    assert "0.833" in page.text
    section = re.search(r'<section id="dataset-1">.*?</section>', render(of_data(dataset)), flags=re.S).group()
    for word in ("peak", "positive", "label"):
        assert word not in Page(section).text


def test_quantitative_peaks_with_negatives(tmp_path):
    dataset = make_dataset(tmp_path, "atac", ["access"], outcomes=SELECTED_OUTCOMES, task="regression")
    page = page_of(of_data(dataset))
    assert "Values are used as they are (targets.transform is empty)" in page.text
    assert "windows of peaks" in page.text


def test_negatives_of_several_kinds_get_charts_of_their_own(tmp_path):
    kinds = ("gc_matched", "dinucleotide_shuffle", "flanking")
    dataset = make_dataset(tmp_path, "fly", ["CTCF"], kinds=kinds, ks={"flanking": 0.21}, with_n=True)
    html = render(of_data(dataset))
    # peak width; GC content of three kinds; unknown bases
    assert html.count('<svg class="chart"') == 5
    assert html.count("KS train 0.210, val 0.210, test 0.210") == 1
    text = Page(html).text
    assert "dinucleotide shuffles have the GC content of their sources by construction" in text
    assert "flanking windows are not matched on purpose" in text
    assert "peaks of other datasets" not in text


def test_targets_share_windows_in_one_map(tmp_path):
    targets = [f"TF{number}" for number in range(164)]
    inputs = of_data(make_dataset(tmp_path, "many", targets))
    html = render(inputs)
    page = page_of(inputs)
    # 65 of 650 everywhere
    assert "65 of the 650 windows that are labelled 1 for TF0 are labelled 1 for TF1 too (10 %)" in page.text
    assert "the median of all 26,732 shares is 10 %" in page.text
    assert "The 10 largest shares" in page.text
    assert "Positives of each of 164 targets" in page.text
    assert len(html) < 800_000


def test_one_target_shares_with_none(tmp_path):
    assert "share windows" not in page_of(of_data(make_dataset(tmp_path, "fly", ["CTCF"]))).text


def test_folds_share_what_belongs_to_the_dataset(tmp_path):
    folds = [f"fold{number}" for number in range(1, 6)]
    datasets = [
        make_dataset(tmp_path, "fly", TARGETS, fold=fold, leaks={**NO_LEAKS, "exact": (number, 0)})
        for number, fold in enumerate(folds)
    ]
    runs = [make_run(tmp_path, "fly", TARGETS, fold=fold) for fold in folds]
    inputs = {"runs": runs, "datasets": datasets, "database": write_motifs(tmp_path / "motifs.meme", MOTIFS)}
    page = page_of(inputs, max_datasets_in_detail=3)
    html = render(inputs, max_datasets_in_detail=3)
    assert html.count("<h3>What went in") == html.count("<h3>Splits") == html.count("<h3>Leakage") == 1
    # targets against targets; four folds with something found
    assert html.count('<svg class="matrix"') == 5
    assert "Nothing was found in fold1." in page.text
    assert "30 cases of a row of one split in another were found in 5 folds (exact copies 30)" in page.text
    assert {"dataset-1-fold-1", "dataset-1-fold-3"} <= set(page.ids)
    assert "dataset-1-fold-4" not in page.ids
    assert "Networks of fold4, fold5 stand in the overview" in page.text
    assert html.count("<h3>Training, fold") == 3


def test_folds_without_leaks_need_one_matrix(tmp_path):
    datasets = [make_dataset(tmp_path, "fly", ["CTCF"], fold=f"fold{number}") for number in (1, 2, 3)]
    page = page_of(of_data(*datasets))
    assert page.text.count("No row of one split was found in another, in any of 3 folds.") == 1
    assert "one is shown" in page.text


def test_details_of_many_datasets_are_limited(tmp_path):
    datasets = [make_dataset(tmp_path, f"set{number}", ["CTCF"]) for number in range(12)]
    page = page_of(of_data(*datasets), max_datasets_in_detail=2)
    assert "dataset-2" in page.ids
    assert "dataset-3" not in page.ids
    assert "Details follow for the first 2 of 12 datasets" in page.text
    assert "12,000 peaks of 12 datasets read; 8,400 (70 %) kept." in page.text
    assert page.tags["table"] < 20


def test_same_tables_of_data_same_bytes(tmp_path):
    inputs = of_data(make_dataset(tmp_path, "fly", TARGETS, kinds=("gc_matched", "bed", "flanking"), with_n=True))
    assert render(inputs) == render(inputs)
