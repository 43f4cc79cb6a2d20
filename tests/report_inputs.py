"""Small tables of runs and datasets for the tests of the report, written as the workflow writes them."""

from pathlib import Path

import numpy as np
from scipy.stats import pearsonr, spearmanr

TARGETS = ["Su(Hw)", "<b>BEAF & 32</b>"]
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


def value_rows(n_targets, r, n=240, seed=0, rng_of_truth=7):
    """Measured values of some targets and predictions that correlate with them by about r, shrunken as they are."""
    truth = np.random.default_rng(rng_of_truth).normal(0, 1, (n, n_targets)).round(5)
    noise = np.random.default_rng(seed + 100).normal(0, 1, (n, n_targets))
    return truth, (r * (r * truth + np.sqrt(1 - r**2) * noise)).round(5)


def value_metric_rows(model, targets, truth, predicted, width=0.03, blocks=40):
    """What is measured of quantitative predictions, by scipy; the intervals are made up."""
    rows, n = [], len(truth)
    means = {"pearson": [], "spearman": []}
    for number, target in enumerate(targets):
        y, p = truth[:, number], predicted[:, number]
        values = {"pearson": pearsonr(y, p)[0], "spearman": spearmanr(y, p)[0], "mse": ((y - p) ** 2).mean()}
        for metric, value in values.items():
            rows.append((model, "test", target, metric, value, value - width, value + width, n, ""))
        rows.append((model, "test", target, "variance", y.var(), "", "", n, ""))
        for metric, found in means.items():
            found.append(values[metric])
    if len(targets) > 1:
        for metric, found in means.items():
            value = np.mean(found)
            rows.append((model, "test", "mean", metric, value, value - width, value + width, n, ""))
    rows.append((model, "test", "all", "bootstrap_blocks", blocks, "", "", n, ""))
    return rows


METRIC_HEADER = "model split target metric value ci_low ci_high n n_positive"
FILTER_HEADER = (
    "filter status n_sites threshold max_activation information_content consensus "
    "best_match best_match_name best_match_p best_match_q influence cluster"
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


def write_predictions(path, targets, rows):
    """A predictions.tsv; a target may hold spaces."""
    write_table(path, "", rows)
    names = ["chrom", "start", "end", "name", *[x for t in targets for x in (t, f"{t}_predicted")]]
    text = path.read_text().split("\n", 1)[1]
    path.write_text("\t".join(names) + "\n" + text)
    return str(path)


def make_run(
    root,
    dataset,
    targets,
    model="small",
    seed=0,
    auroc=0.8,
    one_class=False,
    kept=3,
    n_filters_dead=1,
    fold="holdout",
    task="binary",
    r=0.7,
    n=240,
    validation=None,
    has_history=True,
    has_filters=True,
    warnings=None,
    **more,
):
    """One trained network: scores as given for labels, computed for values that correlate by about `r`.

    `validation` is the validation score of the kept epoch, `warnings` rows of warnings.tsv (none writes no file);
    `more` are further keys of the run, as the rule gives them.
    """
    folder = root / dataset / fold / model / f"seed{seed}"
    if task == "binary":
        rows = prediction_rows(targets, one_class)
        metrics = metric_rows(model, targets, auroc)
    else:
        number = seed if isinstance(seed, int) else 99
        truth, predicted = value_rows(len(targets), r, n, number + 10 * sum(map(ord, model)))
        pairs = np.stack([truth, predicted], axis=2).reshape(n, -1)
        rows = [("chr2R", i * 300, i * 300 + 250, f"w{i}", *values) for i, values in enumerate(pairs)]
        metrics = value_metric_rows(model, targets, truth, predicted)
    score = "auroc val_accuracy" if task == "binary" else "pearson"
    base = 0.5 + kept / 20 if validation is None else validation
    epochs = [(e, 0.7 / e, 0.6 / e, base + (e - kept) / 20, 0.001, 1.5, int(e == kept)) for e in range(1, 6)]
    if validation is not None:  # the score rises to that of the kept epoch and falls again
        epochs = [(e, a, b, base - abs(e - kept) / 20, *rest) for e, a, b, _, *rest in epochs]
    if task == "binary":
        epochs = [(e, a, b, c, 0.9 - abs(e - kept) / 50, *rest) for e, a, b, c, *rest in epochs]
    filters = [
        ("filter_0", "ok", 250, 0.5, 1.5, 9.5, "TGCATACT", "MA0533.1", "su(Hw)", 1e-12, 3e-10, 0.0412, 1),
        ("filter_1", "ok", 90, 0.5, 1.1, 7.5, "ACGTAC", "", "", "", "", 0.0005, 2),
        ("filter_2", "few_sites", 4, 0.5, 0.6, "", "", "", "", "", "", -0.0021, ""),
        *[(f"filter_{3 + i}", "dead", 0, "", 0, "", "", "", "", "", "", 0, "") for i in range(n_filters_dead)],
    ]
    matches = [("filter_0", "MA0533.1", 0, 1e-12, 2e-12, 3e-10, 8, "AGTATGCA", "TGCATACT", "-")]
    run = {
        "dataset": dataset,
        "fold": fold,
        "model": model,
        "seed": seed,
        "predictions": write_predictions(folder / "predictions.tsv", targets, rows),
        "metrics": write_table(folder / "metrics.tsv", METRIC_HEADER, metrics),
        **more,
    }
    if has_history:
        header = f"epoch train_loss val_loss val_{score} learning_rate seconds kept"
        run["history"] = write_table(folder / "history.tsv", header, epochs)
    if warnings is not None:
        run["warnings"] = write_table(folder / "warnings.tsv", "kind warning", warnings)
    if has_filters:
        comments = ["database: the test database", "criterion: q < 0.05"]
        run["filters"] = write_table(folder / "filters.tsv", FILTER_HEADER, filters)
        run["filters_meme"] = write_motifs(
            folder / "filters.meme", {"filter_0": ("", "AGTATGCA"), "filter_1": ("", "ACGTAC")}
        )
        run["motif_matches"] = write_table(folder / "motif_matches.tsv", MATCH_HEADER, matches, comments)
    return run


def make_learning_curves(folder, targets, scores, rows=12000, seeds=(0, 1), task="binary", spread=0.01):
    """`scores`: model to the score of each share of the rows (per cent to number)."""
    metric = "auroc" if task == "binary" else "pearson"
    table = []
    for model, curve in scores.items():
        for number, seed in enumerate(seeds):
            for percent, score in curve.items():
                value = score + spread * (number - (len(seeds) - 1) / 2)
                for target in [*targets, "mean"] if len(targets) > 1 else targets:
                    numbers = (value, value - 0.03, value + 0.03)
                    table.append((model, seed, percent, rows * percent // 100, target, metric, *numbers))
                    table.append((model, seed, percent, rows * percent // 100, target, "other", 0.123, "", ""))
    header = "model seed percent rows target metric value ci_low ci_high"
    return write_table(folder / "learning_curves.tsv", header, table)


def make_trials(folder, n=20, failed=(3, 7), chosen=11, task="binary", seed=0):
    """Trials of three settings, one of them a word; those that failed have no scores."""
    rng, rows = np.random.default_rng(seed), []
    for trial in range(n):
        rate, dropout = 10 ** rng.uniform(-4, -1.5), rng.uniform(0, 0.6)
        optimizer = ["adam", "adamw", "sgd"][trial % 3]
        score = 0.85 - 0.05 * (np.log10(rate) + 2.7) ** 2 - 0.1 * (dropout - 0.3) ** 2 + rng.normal(0, 0.01)
        status = "failed" if trial in failed else "chosen" if trial == chosen else "done"
        scores = ("", "") if trial in failed else (f"{1.2 - score:.4f}", f"{score:.4f}")
        rows.append((trial, status, *scores, f"{rate:.3g}", f"{dropout:.2f}", optimizer))
    metric = "auroc" if task == "binary" else "pearson"
    header = f"trial status val_loss val_{metric} learning_rate dropout optimizer"
    return write_table(folder / "trials.tsv", header, rows)


PEAK_OUTCOMES = [
    ("peaks_read", 1000, ""),
    ("dropped_below_threshold", 0, "below min_score in the column rank_by of the sheet"),
    ("dropped_n", 300, "more than 0 % N within 250 + 2 x 20 bp"),
    ("peaks_kept", 700, ""),
    ("windows", 650, ""),
]
SELECTED_OUTCOMES = [  # a sheet that keeps the strongest 600 of 1,000, and every reason for a loss
    ("peaks_read", 1000, "lines of the peak file"),
    ("dropped_below_threshold", 150, "below min_score in the column rank_by of the sheet"),
    ("dropped_not_in_top", 250, "not among the strongest (rank_by and top of the sheet)"),
    ("dropped_unknown_contig", 12, "on a sequence that the genome lacks"),
    ("dropped_edge", 3, "the window (250 + 2 x 10 bp) passes an end of its chromosome"),
    ("dropped_excluded", 40, "the window (250 + 2 x 10 bp) touches an excluded region"),
    ("dropped_n", 5, "more than 0 % N in the window (250 + 2 x 10 bp)"),
    ("peaks_kept", 540, "in a window that is used"),
    ("windows", 520, "windows labelled 1 (anchors at most 125 bp from the first of a group share one)"),
    ("windows_unknown", 8, "label masked: another peak of the target touches the window (250 + 2 x 10 bp)"),
]
SEQUENCE_OUTCOMES = [
    ("sequences_read", 5000, "rows with a value"),
    ("dropped_too_short", 40, "shorter than 249 bp, and the declared flanks (0 and 0 bp) do not fill it"),
    ("dropped_n", 10, "more than 0 % N in the 249 bp"),
    ("dropped_no_value", 0, "no known value of any target"),
    ("sequences_kept", 4950, "249 bp: 120 cropped about the centre, 0 extended by the flanks"),
    ("windows", 4950, "windows with a value"),
    ("windows_unknown", 0, "value missing in the file: masked"),
]
LEAK_KINDS = {
    "exact": "the same bases",
    "reverse_complement": "the bases of the other strand",
    "overlap": "at least one base in common",
    "near_duplicate": "at least 20 % of the 14-mers of one in the other",
}
NO_LEAKS = dict.fromkeys(LEAK_KINDS, (0, 0))
SPLIT_SIZES = {"train": 600, "val": 120, "test": 240}


def histogram_rows(split, quantity, name, values, edges):
    counts, _ = np.histogram(values, edges)
    return [
        (split, quantity, name, f"{edges[i]:.6g}", f"{edges[i + 1]:.6g}", counts[i]) for i in np.flatnonzero(counts)
    ]


def make_distributions(folder, kinds, ks, with_widths, with_n, seed=0):
    """Random rows of a split in classes, as histograms, and how kinds compare with the positives."""
    rng = np.random.default_rng(seed)
    fractions = np.linspace(0, 1, 51)
    widths = np.concatenate([[0], 2 ** np.arange(0, 24.5, 0.5)])
    distributions, balance = [], []
    for split, size in SPLIT_SIZES.items():
        for name in ("positive", *kinds):
            shift = 0 if name == "positive" else 0.3 * ks[name]
            gc = rng.normal(0.45 - shift, 0.06, size).clip(0, 1)
            unknown = rng.choice([0, 0.05, 0.3], size, p=[0.9, 0.08, 0.02]) if with_n else np.zeros(size)
            distributions += histogram_rows(split, "gc", name, gc, fractions)
            distributions += histogram_rows(split, "n", name, unknown, fractions)
            if name != "positive":
                balance.append((split, "gc", name, size, size, 0.45 - shift, 0.45, ks[name]))
                balance.append((split, "n", name, size, size, unknown.mean(), unknown.mean(), 0.01))
        if with_widths:
            distributions += histogram_rows(split, "peak_width", "positive", rng.lognormal(6, 0.6, size), widths)
    return (
        write_table(folder / "distributions.tsv", "split quantity class bin_start bin_end count", distributions),
        write_table(folder / "balance.tsv", "split quantity class n n_positive mean mean_positive ks", balance),
    )


def make_leaks(folder, leaks=NO_LEAKS):
    """`leaks`: kind to how many rows were found and how many are left, in each pair of splits."""
    rows = [
        (split, other, kind, found, found - left, left, LEAK_KINDS[kind])
        for split, other in (("train", "val"), ("train", "test"), ("val", "test"))
        for kind, (found, left) in leaks.items()
    ]
    return write_table(folder / "leakage.tsv", "split other_split kind found dropped left criterion", rows)


def make_overlaps(folder, targets, n_windows=650, shared=65):
    rows = [
        (target, other, n_windows if target == other else shared)
        for number, target in enumerate(targets)
        for other in targets[number:]
    ]
    return write_table(folder / "label_overlaps.tsv", "target_a target_b n_windows", rows)


def make_scaling(folder, targets, log1p=0, mean=0, sd=1):
    rows = [(target, log1p, mean, sd, 600) for target in targets]
    return write_table(folder / "target_scaling.tsv", "target log1p mean sd n", rows)


def make_dataset(
    root,
    dataset,
    targets,
    baseline=0.55,
    fold="holdout",
    task="binary",
    outcomes=PEAK_OUTCOMES,
    kinds=("gc_matched",),
    ks=None,
    leaks=NO_LEAKS,
    with_n=False,
    n_rows=240,
    **more,
):
    """One dataset and fold of peaks, or of sequences if `outcomes` says so."""
    folder = root / dataset
    inputs = [(target, *outcome) for target in [*targets, "all"] for outcome in outcomes]
    negatives = [270, 10, 0.45, 0.44] if task == "binary" else [0, 10, 0.45, ""]
    splits = [
        (split, target, 400, 120, *negatives, "chr2R,chr4")
        for split in ("train", "val", "test")
        for target in [*targets, "all"]
    ]
    run = make_run(root, dataset, targets, model="gc_content", seed="x", fold=fold, task=task, r=baseline, n=n_rows)
    rows = metric_rows("gc_content", targets, baseline)
    if task == "regression":
        rows = [line.split("\t") for line in Path(run["metrics"]).read_text().splitlines()[1:]]
    is_peaks = outcomes[0][0] == "peaks_read"
    distances = dict.fromkeys(kinds, 0.03) | (ks or {})
    number = sum(map(ord, f"{dataset}{fold}"))
    distributions, balance = make_distributions(folder / fold, kinds, distances, is_peaks, with_n, number)
    return {
        "dataset": dataset,
        "fold": fold,
        "task": task,
        "targets": targets,
        "windows_report": write_table(folder / "windows_report.tsv", "target outcome count criterion", inputs),
        "label_overlaps": make_overlaps(folder, targets),
        "split_report": write_table(
            folder / fold / "split_report.tsv",
            "split target n_windows n_positive n_negative n_unknown gc_positive gc_negative chromosomes",
            splits,
        ),
        "leakage": make_leaks(folder / fold, leaks),
        "distributions": distributions,
        "balance": balance,
        "target_scaling": make_scaling(folder / fold, targets),
        "baseline_metrics": write_table(folder / fold / "baselines" / "metrics.tsv", METRIC_HEADER, rows),
        "baseline_predictions": run["predictions"],
        **more,
    }


def make_inputs(root):
    """Two seeds of one network on two targets, as `render_report` takes them."""
    return {
        "runs": [make_run(root, "fly", TARGETS, seed=seed, auroc=auroc) for seed, auroc in ((0, 0.8), (1, 0.9))],
        "datasets": [make_dataset(root, "fly", TARGETS)],
        "database": write_motifs(root / "motifs.meme", MOTIFS),
    }


def make_regression(root, targets=("Dev", "Hk"), seeds=(0, 1), n=240):
    """Two seeds of one network on quantitative targets of sequences."""
    targets = list(targets)
    options = {"task": "regression", "n": n}
    return {
        "runs": [make_run(root, "starr", targets, seed=seed, **options) for seed in seeds],
        "datasets": [
            make_dataset(
                root, "starr", targets, baseline=0.2, outcomes=SEQUENCE_OUTCOMES, kinds=(), task="regression", n_rows=n
            )
        ],
        "database": write_motifs(root / "motifs.meme", MOTIFS),
    }


def make_many_networks(root, n_models=14, seeds=(0, 1, 2), targets=("CTCF",)):
    """Networks of one dataset whose validation scores fall with their number while their test scores do not."""
    targets = list(targets)
    runs = []
    for number in range(n_models):
        test = 0.70 + 0.15 * ((number * 5 + 2) % n_models) / n_models
        for seed in seeds:
            runs.append(
                make_run(
                    root,
                    "fly",
                    targets,
                    model=f"network_{number:02}",
                    seed=seed,
                    auroc=round(test + 0.01 * (seed - 1), 4),
                    validation=0.9 - 0.01 * number + 0.002 * seed,
                    parameters=1000 * (number + 1),
                )
            )
    return {
        "runs": runs,
        "datasets": [make_dataset(root, "fly", targets)],
        "database": write_motifs(root / "motifs.meme", MOTIFS),
    }
