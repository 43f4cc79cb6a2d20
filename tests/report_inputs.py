"""Small tables of runs and datasets for the tests of the report, written as the workflow writes them."""

from pathlib import Path

import numpy as np

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


def make_run(
    root, dataset, targets, model="small", seed=0, auroc=0.8, one_class=False, kept=3, n_filters_dead=1, fold="holdout"
):
    folder = root / dataset / fold / model / f"seed{seed}"
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
        "fold": fold,
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
    run = make_run(root, dataset, targets, model="gc_content", seed="x", fold=fold)
    rows = metric_rows("gc_content", targets, baseline)
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
    }


def make_inputs(root):
    """Two seeds of one network on two targets, as `render_report` takes them."""
    return {
        "runs": [make_run(root, "fly", TARGETS, seed=seed, auroc=auroc) for seed, auroc in ((0, 0.8), (1, 0.9))],
        "datasets": [make_dataset(root, "fly", TARGETS)],
        "database": write_motifs(root / "motifs.meme", MOTIFS),
    }
