"""Time the resamples of metrics against a loop over scikit-learn, and see how honest intervals are: `make bench`.

Both sides resample the same blocks of the same rows on one thread; the plain loop repeats the rows of each block as
often as it was drawn and calls scikit-learn, for fewer resamples, whose values are compared in the same run. With
`--coverage` it is counted how often the intervals hold the true value, over many simulated data sets of few and of many
blocks, beside percentiles of the same resamples: minutes.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np
from bench_data import told
from scipy.stats import norm, spearmanr
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    matthews_corrcoef,
    mean_squared_error,
    r2_score,
    roc_auc_score,
)

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from cisflow.bootstrap import METRICS, drawn_blocks, interval, resampled_metrics  # noqa: E402

N_ROWS, N_RESAMPLES, FEW = 100_000, 1_000, 5
SECONDS, MEGABYTES = 20, 500
THRESHOLD = 0.5


def scikit_learns(truth, score, task):
    """The metrics of `METRICS` by scikit-learn, scipy and numpy."""
    if task == "binary":
        called = score >= THRESHOLD
        return [
            roc_auc_score(truth, score), average_precision_score(truth, score), truth.mean(),
            accuracy_score(truth, called), f1_score(truth, called), matthews_corrcoef(truth, called),
            brier_score_loss(truth, score),
        ]  # fmt: skip
    correlations = np.corrcoef(truth, score)[0, 1], spearmanr(truth, score).statistic
    return [*correlations, r2_score(truth, score), mean_squared_error(truth, score), truth.var()]


def megabytes():
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def bench_resamples(task, n_blocks):
    """A thousand resamples of a hundred thousand rows."""
    rng = np.random.default_rng(1)
    truth = (rng.random(N_ROWS) < 0.2).astype(float) if task == "binary" else rng.normal(size=N_ROWS)
    score = rng.normal(size=N_ROWS) + truth
    score = 1 / (1 + np.exp(-score)) if task == "binary" else score
    blocks = np.arange(N_ROWS) * n_blocks // N_ROWS
    few = truth[:100], score[:100], np.arange(100), 100
    resampled_metrics(*few, task, 2, 1, THRESHOLD)  # compiled once, and kept for later runs
    before, start = megabytes(), time.perf_counter()
    _, found = resampled_metrics(truth, score, blocks, n_blocks, task, N_RESAMPLES, 1, THRESHOLD)
    ours, held = time.perf_counter() - start, megabytes() - before
    start, draws = time.perf_counter(), next(drawn_blocks(n_blocks, FEW, 1))[1]
    expected = []
    for draw in draws:
        rows = np.repeat(np.arange(N_ROWS), draw[blocks])
        expected.append(scikit_learns(truth[rows], score[rows], task))
    plain = (time.perf_counter() - start) * N_RESAMPLES / FEW
    apart = np.abs(found[:, :FEW] - np.transpose(expected)).max()
    what = f"{N_RESAMPLES:,} resamples of {N_ROWS:,} rows in {n_blocks:,} blocks, {task}, {len(METRICS[task])} metrics"
    return [
        told(what, f"{ours:.2f} s", f"< {SECONDS} s", ours < SECONDS, f"a plain loop {plain:.0f} s"),
        told("    times as fast as a plain loop over scikit-learn", f"{plain / ours:.0f}", ">= 20", plain / ours >= 20),
        told("    largest difference from scikit-learn", f"{apart:.1e}", "< 1e-9", apart < 1e-9),
        told("    more memory", f"{held:.0f} MB", f"< {MEGABYTES} MB", held < MEGABYTES),
    ]


# --- how often intervals hold the true value --------------------------------------------------------------------------


def true_values(distance, shared, prevalence):
    """Of two normal distributions of standard deviation sqrt(1 + shared^2), the threshold midway between them."""
    scale = np.sqrt(1 + shared**2)
    hit, alarm = norm.sf(-distance / 2 / scale), norm.sf(distance / 2 / scale)
    tp, fp = prevalence * hit, (1 - prevalence) * alarm
    fn, tn = prevalence - tp, 1 - prevalence - fp
    grid = np.linspace(-12, 12 + distance, 200_001)
    positives, negatives = norm.sf((grid - distance) / scale), norm.sf(grid / scale)
    density = norm.pdf((grid - distance) / scale) / scale
    precision = prevalence * positives / np.maximum(prevalence * positives + (1 - prevalence) * negatives, 1e-300)
    return {
        "auroc": norm.cdf(distance / (np.sqrt(2) * scale)),
        "auprc": np.trapezoid(density * precision, grid),
        "accuracy": tp + tn,
        "f1": 2 * tp / (2 * tp + fp + fn),
        "mcc": (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)),
    }


def bench_coverage(n_blocks, rows_of_block, shared, distance, prevalence, n_sets):
    """Count how often intervals hold the true value; what is asked of AUROC is 90 to 99 %."""
    rng, true = np.random.default_rng(1), true_values(distance, shared, prevalence)
    held, by_percentiles = (dict.fromkeys(true, 0) for _ in range(2))
    for number in range(n_sets):
        sizes = rng.geometric(1 / rows_of_block, size=n_blocks) if shared else np.full(n_blocks, rows_of_block)
        blocks = np.repeat(np.arange(n_blocks), sizes)
        truth = (rng.random(len(blocks)) < prevalence).astype(float)
        score = rng.normal(size=len(blocks)) + distance * truth + shared * rng.normal(size=n_blocks)[blocks]
        points, resampled = resampled_metrics(truth, score, blocks, n_blocks, "binary", 1000, number, distance / 2)
        for metric, value in true.items():
            place = METRICS["binary"].index(metric)
            low, high = interval(metric, points[place], resampled[place], n_blocks)
            held[metric] += low <= value <= high
            low, high = np.nanpercentile(resampled[place], [2.5, 97.5])
            by_percentiles[metric] += low <= value <= high
    share = {metric: 100 * count / n_sets for metric, count in held.items()}
    others = ", ".join(f"{metric} {value:.1f} %" for metric, value in share.items() if metric != "auroc")
    plain = ", ".join(f"{metric} {100 * count / n_sets:.1f} %" for metric, count in by_percentiles.items())
    return told(
        f"{n_blocks} blocks of {'unequal' if shared else 'equal'} size, {n_blocks * rows_of_block} rows,"
        f" {prevalence:.0%} positive, shared deviation {shared}, AUROC {true['auroc']:.3f}: held",
        f"{share['auroc']:.1f} %", "90 to 99 %", 90 <= share["auroc"] <= 99, f"{others}; percentiles: {plain}",
    )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--coverage", type=int, metavar="SETS", help="simulate so many data sets of each kind")
    arguments = parser.parse_args()
    if arguments.coverage:
        results = [
            bench_coverage(n_blocks, rows, shared, distance, prevalence, arguments.coverage)
            for n_blocks, rows in ((10, 60), (20, 30), (50, 20), (200, 10))
            for shared in (0, 0.7)
            for distance, prevalence in ((1, 0.3), (2.5, 0.1))
        ]
    else:
        cases = [("binary", 200), ("binary", N_ROWS), ("regression", 200)]
        results = [result for case in cases for result in bench_resamples(*case)]
    sys.exit(0 if all(results) else 1)
