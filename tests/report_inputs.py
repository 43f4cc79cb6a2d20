"""Small tables of runs and datasets for the tests of the report, written as the workflow writes them."""

from pathlib import Path

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


def make_inputs(root):
    """Two seeds of one network on two targets, as `render_report` takes them."""
    return {
        "runs": [make_run(root, "fly", TARGETS, seed=seed, auroc=auroc) for seed, auroc in ((0, 0.8), (1, 0.9))],
        "datasets": [make_dataset(root, "fly", TARGETS)],
        "database": write_motifs(root / "motifs.meme", MOTIFS),
    }
