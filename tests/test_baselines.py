"""Baselines against scikit-learn, on sequences with what each of them can see."""

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score

import cisflow.baselines
from cisflow.baselines import (
    INVERSE_PENALTIES,
    PENALTIES,
    calibrated,
    fit_composition_or_words,
    fit_gc_content,
    fit_penalised,
    fit_pwm_scan,
    gc_fraction,
)
from cisflow.kmer_features import contiguous_pattern, count_words, gapped_patterns
from cisflow.meme import Motif
from cisflow.pwm_scan import background_of, best_matches


def test_gc_fraction_is_that_of_the_text():
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGTN"), 30)) for _ in range(20)] + ["N" * 30]
    one_hot = np.array([[[letter == base for letter in text] for base in "ACGT"] for text in texts], dtype=np.int8)
    for text, value in zip(texts, gc_fraction(one_hot, 20), strict=True):
        core = text[5:25].replace("N", "")
        assert value == (sum(letter in "GC" for letter in core) / len(core) if core else 0.5)


def test_gc_content_is_learned_and_unknown_labels_are_left_out():
    rng = np.random.default_rng(1)
    gc = rng.random(2000)
    rich, middling = gc > 0.6, abs(gc - 0.5) < 0.15
    targets = np.column_stack([rich, middling, rich]).astype(float)
    targets[:500, 2] = 1 - targets[:500, 2]
    targets[:500, 2] = np.nan  # were they not left out, the fit would be spoiled
    score = fit_gc_content(gc[:1500], targets[:1500], gc[1500:])
    assert roc_auc_score(rich[1500:], score[:, 0]) > 0.99
    assert roc_auc_score(middling[1500:], score[:, 1]) > 0.99  # needs the square
    assert roc_auc_score(rich[1500:], score[:, 2]) > 0.99


def test_one_class_alone_is_predicted_as_it_is():
    gc = np.linspace(0, 1, 10)
    score = fit_gc_content(gc, np.column_stack([np.ones(10), np.zeros(10)]), gc)
    assert (score[:, 0] == 1).all()
    assert (score[:, 1] == 0).all()


@pytest.mark.parametrize("n_known", [3, 40, 500])
def test_quantities_are_fitted_by_least_squares_on_gc_and_its_square(n_known):
    rng = np.random.default_rng(2)
    gc, other = rng.uniform(0.2, 0.8, size=(2, 600))
    targets = np.column_stack([3 - 20 * (gc - 0.4) ** 2, 100 + 5 * gc]) + rng.normal(size=(600, 2))
    targets[n_known:, 0] = np.nan
    targets[100:150, 1] = np.nan
    found = fit_gc_content(gc, targets.astype(np.float32), other, "regression")
    for column in range(2):
        known = ~np.isnan(targets[:, column])
        expected = np.polyval(np.polyfit(gc[known], targets[known, column], 2), other)
        np.testing.assert_allclose(found[:, column], expected, rtol=1e-3, atol=1e-3)


def test_a_relation_to_gc_is_found_exactly_and_does_not_hang_on_the_units():
    gc = np.random.default_rng(3).uniform(0.2, 0.8, size=300)
    truth = 1e6 * (gc - 0.5) ** 2 - 7
    np.testing.assert_allclose(fit_gc_content(gc, truth[:, None], gc, "regression")[:, 0], truth, rtol=1e-6)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_where_nothing_can_be_fitted_the_prediction_is_constant_or_unknown(task):
    rng = np.random.default_rng(0)
    targets = np.column_stack([np.full(30, 0.1) if task == "regression" else np.ones(30), np.full(30, np.nan)])
    found = fit_gc_content(rng.random(30), targets, rng.random(20), task)
    assert (found[:, 0] == targets[0, 0]).all()
    assert np.isnan(found[:, 1]).all()
    # All GC contents equal; their standard deviation is a rounding error, and what it is divided by must not be that.
    labels = np.arange(30) % 3 == 0
    found = fit_gc_content(np.full(30, 0.1), labels[:, None].astype(float), np.array([0.1, 0.1, 0.5]), task)
    np.testing.assert_allclose(found[:, 0], 1 / 3, rtol=0.01)


# --- words ------------------------------------------------------------------------------------------------------------

SITE = [0, 1, 2, 3, 1, 0, 2]  # ACGTCAG
HALVES = [3, 0, 1, 4, 4, 4, 4, 4, 0, 2, 0]  # TAC, any five bases, AGA
SIZES = {"train": 900, "val": 400, "test": 600}
NAMES = ["site", "halves", "one_value", "unknown"]


def made(task, n_train=900):
    """Codes and targets of three splits: a site, two halves with a gap, one value alone, and nothing known."""
    rng = np.random.default_rng(0)
    codes, targets = {}, {}
    for split, size in {**SIZES, "train": n_train}.items():
        rows = rng.integers(0, 4, (size, 60)).astype(np.uint8)
        holds = rng.random((size, 2)) < 0.5
        for column, (word, place) in enumerate(((SITE, 5), (HALVES, 30))):
            for row in np.flatnonzero(holds[:, column]):
                begin = place + rng.integers(0, 15)
                for offset, code in enumerate(word):
                    if code < 4:
                        rows[row, begin + offset] = code
        rows[rng.random(rows.shape) < 0.01] = 4
        values = holds.astype(float)
        if task == "regression":
            values = 10 + 4 * values + rng.normal(size=values.shape)
        unknown = rng.random(values.shape) < 0.2
        values[unknown] = np.nan
        codes[split] = rows
        targets[split] = np.column_stack([values, np.full(size, 1.0), np.full(size, np.nan)]).astype(np.float32)
    return codes, targets


def quality(truth, score, task):
    known = ~np.isnan(truth)
    return (roc_auc_score if task == "binary" else lambda *x: pearsonr(*x)[0])(truth[known], score[known])


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("name", ["trinucleotides", "kmers", "gapped_kmers"])
def test_each_finds_the_words_that_it_can_see(name, task):
    codes, targets = made(task, n_train=3000)
    found, chosen = fit_composition_or_words(name, codes, targets, NAMES, 6, 6, 12, task, 1)
    reached = [quality(targets["test"][:, column], found["test"][:, column], task) for column in range(2)]
    # What can be reached is 1, or 0.9 beside the noise.
    lowest = {
        "trinucleotides": {"binary": (0.8, 0.6), "regression": (0.5, 0.3)},
        "kmers": {"binary": (0.95, 0.6), "regression": (0.7, 0.2)},
        "gapped_kmers": {"binary": (0.95, 0.9), "regression": (0.7, 0.55)},
    }[name][task]
    assert reached[0] > lowest[0]
    assert reached[1] > lowest[1]
    if name != "gapped_kmers":
        assert reached[1] < lowest[1] + 0.2  # it sees either half alone
    assert (found["val"][:, 2] == 1).all()
    assert np.isnan(found["test"][:, 3]).all()
    setting = "C" if task == "binary" else "alpha"
    assert [row[:2] for row in chosen] == [
        (target, what) for target in ("site", "halves") for what in (setting, "val_loss")
    ]
    assert {split: part.shape for split, part in found.items()} == {"val": (400, 4), "test": (600, 4)}
    if task == "binary":
        known = ~np.isnan(targets["test"][:, 0])
        truth, score = targets["test"][known, 0], found["test"][known, 0]
        assert np.mean((truth - score) ** 2) < truth.var() + 0.01
        assert ((found["test"][:, :2] > 0) & (found["test"][:, :2] < 1)).all()


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("patterns", [contiguous_pattern(4), gapped_patterns(4, 6), contiguous_pattern(2)])
def test_fits_and_the_choice_of_the_penalty_are_those_of_scikit_learn(patterns, task):
    """Features divided by their standard deviations and then by the root mean square of the lengths of rows."""
    codes, targets = made(task)
    dense = {split: count_words(rows, patterns).toarray().astype(float) for split, rows in codes.items()}
    frequencies = len(patterns[0]) == 2
    if frequencies:
        dense = {split: rows / rows.sum(axis=1, keepdims=True) for split, rows in dense.items()}
    spread = dense["train"].std(axis=0)
    spread[spread == 0] = 1
    mean = dense["train"].mean(axis=0) if frequencies else 0
    scaled = {split: (rows - mean) / spread for split, rows in dense.items()}
    length = np.sqrt((scaled["train"] ** 2).sum(axis=1).mean())
    scaled = {split: rows / length for split, rows in scaled.items()}
    name = "dinucleotides" if frequencies else "kmers" if len(patterns) == 1 else "gapped_kmers"
    found, chosen = fit_composition_or_words(name, codes, targets, NAMES, 4, 4, 6, task, 1)
    chosen = {(target, what): value for target, what, value in chosen}
    for column, target in enumerate(NAMES[:2]):
        known = {split: ~np.isnan(values[:, column]) for split, values in targets.items()}
        truth = {split: values[known[split], column].astype(float) for split, values in targets.items()}
        losses = {}
        for penalty in INVERSE_PENALTIES if task == "binary" else PENALTIES:
            if task == "binary":
                fitted = LogisticRegression(C=penalty, max_iter=5000, tol=1e-6)
            else:
                fitted = Ridge(alpha=penalty, solver="svd")
            fitted.fit(scaled["train"][known["train"]], truth["train"])
            rows = scaled["val"][known["val"]]
            if task == "binary":
                loss = log_loss(truth["val"], fitted.predict_proba(rows))
            else:
                loss = mean_squared_error(truth["val"], fitted.predict(rows))
            losses[penalty] = loss, fitted
        # Of an optimum that is flat, another of its penalties is as good.
        kept = float(chosen[(target, "C" if task == "binary" else "alpha")])
        assert losses[kept][0] < 1.003 * min(loss for loss, _ in losses.values())
        assert float(chosen[(target, "val_loss")]) == pytest.approx(losses[kept][0], rel=3e-3)
        fitted = losses[kept][1]
        expected = fitted.predict_proba(scaled["test"])[:, 1] if task == "binary" else fitted.predict(scaled["test"])
        np.testing.assert_allclose(found["test"][:, column], expected, atol=0.02)


def test_where_the_validation_split_cannot_tell_the_penalty_is_one():
    rng = np.random.default_rng(0)
    features, truth = rng.normal(size=(80, 3)), rng.integers(0, 2, 80).astype(float)
    for val_truth in (np.ones(5), np.empty(0)):
        coefficients, intercept, penalty, loss = fit_penalised(
            features, truth, np.zeros((len(val_truth), 3)), val_truth, "binary"
        )
        expected = LogisticRegression(C=1.0).fit(features, truth)
        np.testing.assert_allclose(coefficients, expected.coef_[0], atol=1e-3)
        assert intercept == pytest.approx(expected.intercept_[0], rel=1e-2)
        assert penalty == 1
        assert np.isnan(loss)


def test_of_more_rows_than_memory_allows_a_part_is_taken_and_told(monkeypatch, capsys):
    codes, targets = made("binary")
    whole, _ = fit_composition_or_words("kmers", codes, targets, NAMES, 4, 6, 16, "binary", 1)
    monkeypatch.setattr(cisflow.baselines, "MOST_COUNTS", 60 * 500)
    parts = [
        fit_composition_or_words("kmers", codes, targets, NAMES, 4, 6, 16, "binary", seed)[0] for seed in (1, 1, 2)
    ]
    told = capsys.readouterr().out
    assert "of 900 rows of the train split, 500 are taken" in told
    assert "val split" not in told
    assert len(parts[0]["test"]) == 600  # all rows are predicted
    np.testing.assert_array_equal(parts[0]["test"], parts[1]["test"])
    assert not np.array_equal(parts[0]["test"], parts[2]["test"], equal_nan=True)
    assert not np.array_equal(parts[0]["test"], whole["test"], equal_nan=True)


def test_features_that_never_vary_do_no_harm():
    codes = {split: np.full((30, 12), 0, dtype=np.uint8) for split in SIZES}
    labels = (np.arange(30) % 3 == 0).astype(float)[:, None]
    for name in ("dinucleotides", "kmers"):
        found, _ = fit_composition_or_words(name, codes, dict.fromkeys(SIZES, labels), ["t"], 4, 6, 16, "binary", 1)
        np.testing.assert_allclose(found["test"], 1 / 3, atol=0.01)


# --- one score --------------------------------------------------------------------------------------------------------


def test_a_score_becomes_a_probability_or_a_value():
    rng = np.random.default_rng(0)
    score, other = 40 + 7 * rng.normal(size=800), 40 + 7 * rng.normal(size=500)
    labels = (rng.random(800) < 1 / (1 + np.exp(-(score - 45) / 3))).astype(float)
    labels[:100] = np.nan
    (found,) = calibrated(score, labels, [other], "binary")
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-(other - 45) / 3)), atol=0.1)
    assert (np.argsort(found) == np.argsort(other)).all()
    values = 3 * score - 2 + rng.normal(size=800)
    expected = LinearRegression().fit(score[:, None], values).predict(other[:, None])
    np.testing.assert_allclose(calibrated(score, values, [other], "regression")[0], expected)
    np.testing.assert_allclose(calibrated(np.full(800, 0.1), labels, [other], "binary")[0].std(), 0, atol=1e-6)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_scan_takes_the_motif_of_the_site_and_says_which(task, capsys):
    codes, targets = made(task)
    rng = np.random.default_rng(3)
    pwms = [rng.dirichlet(np.ones(4), size=8) for _ in range(5)]
    pwms[3] = 0.97 * np.eye(4)[SITE] + 0.01
    pwms[4] = np.tile(pwms[4], (10, 1))  # 80 bases: wider than the sequences
    motifs = [
        Motif(f"M{number}", f"name{number}", pwm / pwm.sum(1, keepdims=True), 20) for number, pwm in enumerate(pwms)
    ]
    found, chosen = fit_pwm_scan(codes, targets, NAMES, motifs, task)
    assert "1 of 5 motifs are wider" in capsys.readouterr().out
    chosen = {(target, what): value for target, what, value in chosen}
    assert (chosen["site", "motif"], chosen["site", "motif_name"]) == ("M3", "name3")
    scores = {
        split: best_matches(codes[split], [motifs[3].pwm], background_of(codes["train"]))[:, 0] for split in codes
    }
    measure = "train_auroc" if task == "binary" else "train_pearson"
    expected = quality(targets["train"][:, 0], scores["train"], task)
    assert float(chosen["site", measure]) == pytest.approx(expected, rel=1e-4)
    assert quality(targets["test"][:, 0], found["test"][:, 0], task) > 0.8
    assert {target for target, _ in chosen} == {"site", "halves"}
    assert (found["val"][:, 2] == 1).all()
    assert np.isnan(found["test"][:, 3]).all()
