"""What stands beside runs and datasets in the tests of the report: ensembles, baselines, verdicts, nulls."""

from pathlib import Path

import numpy as np
import pandas as pd
from report_inputs import METRIC_HEADER, write_table

from cisflow.report_scores import score_rows, with_scores

VERDICT_HEADER = "model target baseline metric value baseline_value difference ci_low ci_high p q verdict"
CALIBRATION_HEADER = (
    "source q_value in_use n_filters n_dead n_without_pwm n_matched share lowest highest null expected "
    "false_discovery_rate fdr_high p"
)
ENRICHMENT_HEADER = "target motif name n_positive_with n_positive n_negative_with n_negative odds p q auroc"
PLANTED_HEADER = "motif name found n_filters best_filter match q n_sites n_recovered recall recall_by_chance precision"
RELIABILITY_HEADER = "target bin n mean_predicted observed ci_low ci_high"
STRATA_HEADER = "stratum level low high target metric value ci_low ci_high n n_positive"
TOLD = 0.05  # of two scores that differ by more, one is better
SCORE_OF_TASK = {"binary": "auroc", "regression": "pearson"}


def read(path):
    return pd.read_csv(path, sep="\t", keep_default_na=False, na_values=[""], dtype={"target": str})


def scores_in(path, metric):
    """Target to the test value of one metric of a metrics.tsv."""
    table = read(path)
    table = table[(table["split"] == "test") & (table["metric"] == metric)]
    return dict(zip(table["target"], table["value"], strict=True))


def paired(value, other):
    """A difference with a made-up interval, p, q and verdict."""
    difference = value - other
    if not np.isfinite(difference):
        return "", "", "", "", "", "not told apart"
    verdict = "not told apart" if abs(difference) <= TOLD + 1e-9 else "better" if difference > 0 else "worse"
    p = 0.4 if verdict == "not told apart" else 0.001
    return round(difference, 6), round(difference - TOLD, 6), round(difference + TOLD, 6), p, p, verdict


def make_verdicts(path, models, baselines, metric):
    """`models` and `baselines`: name to the path of a metrics.tsv."""
    rows = []
    for model, of_model in models.items():
        for target, value in scores_in(of_model, metric).items():
            for baseline, of_baseline in baselines.items():
                other = scores_in(of_baseline, metric).get(target, np.nan)
                beside = ("" if np.isnan(number) else number for number in (value, other))
                rows.append((model, target, baseline, metric, *beside, *paired(value, other)))
    return write_table(path, VERDICT_HEADER, rows)


def make_differences(path, models, metric):
    rows, names = [], list(models)
    for number, model in enumerate(names):
        for other in names[number + 1 :]:
            for target, value in scores_in(models[model], metric).items():
                found = paired(value, scores_in(models[other], metric)[target])
                rows.append((model, other, target, metric, *found[:5]))
    return write_table(path, "model other target metric difference ci_low ci_high p q", rows)


def make_comparison(path, fold, seeds_of, metric):
    """`seeds_of`: model to the metrics.tsv of its seeds."""
    rows = []
    for model, paths in seeds_of.items():
        scores = pd.DataFrame([scores_in(seed, metric) for seed in paths])
        for target in scores:
            values = scores[target]
            numbers = (values.count(), values.mean(), values.std(), values.min(), values.max(), values.mean(), "", "")
            rows.append((fold, model, target, metric, *("" if x != "" and np.isnan(x) else x for x in numbers)))
    header = "fold model target metric seeds mean sd lowest highest ensemble ci_low ci_high"
    return write_table(path, header, rows)


def make_ensemble(folder, members, targets, task, guess):
    """The mean over seeds of predictions; its metrics are the means of theirs, so that they can be told by hand."""
    tables = [read(run["metrics"]) for run in members]
    metrics = tables[0].copy()
    numbers = ["value", "ci_low", "ci_high"]
    metrics[numbers] = np.mean([table[numbers].to_numpy(float) for table in tables], axis=0)
    predictions = read(members[0]["predictions"])
    for target in targets:
        column = f"{target}_predicted"
        predictions[column] = np.mean([read(run["predictions"])[column] for run in members], axis=0)
    folder.mkdir(parents=True, exist_ok=True)
    if task == "binary":
        errors = [{**metrics.iloc[0], "split": "test", "target": t, "metric": "calibration_error"} for t in targets]
        errors = pd.DataFrame(errors).assign(value=0.02, ci_low=np.nan, ci_high=np.nan)
        metrics = pd.concat([metrics, errors], ignore_index=True)
    metrics.to_csv(folder / "metrics.tsv", sep="\t", index=False)
    predictions.to_csv(folder / "predictions.tsv", sep="\t", index=False)
    score = SCORE_OF_TASK[task]
    wholes, strata = scores_in(folder / "metrics.tsv", score), []
    for target in targets if np.isfinite(list(wholes.values())).all() else []:
        whole = wholes[target]
        for stratum, ends in (("gc", (0.2, 0.4, 0.5, 0.7)), ("similarity", (0, 0.05, 0.2, 1))):
            for number, level in enumerate(("low", "middle", "high")):
                value = (
                    ("", "", "") if (stratum, level) == ("similarity", "high") else (whole, whole - 0.1, whole + 0.1)
                )
                n = (0, 0) if value[0] == "" else (80, 40)
                strata.append((stratum, level, ends[number], ends[number + 1], target, score, *value, *n))
    bins = [
        (target, number + 1, 40, middle, middle, max(middle - 0.1, 0), middle + 0.1)
        for target in (targets if task == "binary" else [])
        for number, middle in enumerate(np.linspace(0.05, 0.95, 10).round(2))
    ]
    permuted = [("x", "test", t, score, guess, guess - 0.04, guess + 0.04, 400, 120) for t in [*targets, "mean"]]
    return {
        "metrics": str(folder / "metrics.tsv"),
        "predictions": str(folder / "predictions.tsv"),
        "reliability": write_table(
            folder / "reliability.tsv", "target bin n mean_predicted observed ci_low ci_high", bins
        ),
        "strata": write_table(folder / "strata.tsv", STRATA_HEADER, strata),
        "permuted_metrics": write_table(folder / "permuted_metrics.tsv", METRIC_HEADER, permuted),
    }


def make_calibration(path, n_filters=4, n_dead=1, n_matched=1, nulls=None, rate=0.05, p=0.001):
    """`nulls`: source to the number of filters that match."""
    nulls = {"untrained": 0, "permuted": 0, "column_shuffled": 0.1} if nulls is None else nulls
    counts, rows = (n_filters, n_dead, 1), []
    for q, in_use in ((0.01, "no"), (0.05, "yes")):
        rates = ("column_shuffled", 0.1, rate, 2 * rate, p)
        rows.append(("trained", q, in_use, *counts, n_matched, n_matched / n_filters, "", "", *rates))
        for source, matched in nulls.items():
            ends = (0, 1) if source == "column_shuffled" else ("", "")
            rows.append((source, q, in_use, *counts, matched, matched / n_filters, *ends, source, matched, *rates[2:]))
    return write_table(path, CALIBRATION_HEADER, rows)


def make_enrichment(path, targets):
    """Two motifs that are enriched, of which filters match the first, and one that is not."""
    rows = []
    for target in targets:
        rows += [
            (target, "MA0533.1", "su(Hw)", 60, 120, 12, 240, 19, 1e-20, 3e-20, 0.8),
            (target, "MA0002.1", "dar1", 30, 120, 24, 240, 3, 1e-6, 2e-6, 0.6),
            (target, "MA0001.1", "other", 3, 120, 12, 240, 0.5, 0.9, 0.9, 0.48),
        ]
    return write_table(path, ENRICHMENT_HEADER, rows)


def with_checks(inputs):
    """What the workflow adds to runs and datasets: ensembles, baselines, verdicts and nulls, where they are not there.

    Files are written beside those that are there. The one baseline is that of `make_dataset`.
    """
    if "ensembles" in inputs:
        return inputs
    groups = {}
    for run in inputs["runs"]:
        groups.setdefault((run["dataset"], run["fold"]), {}).setdefault(run["model"], []).append(run)
    runs = [
        {**run, "calibration": run.get("calibration", "") or calibration_beside(run)} if run.get("filters") else run
        for run in inputs["runs"]
    ]
    datasets, ensembles, baselines = [], [], []
    for entry in inputs["datasets"]:
        models = groups.get((entry["dataset"], entry["fold"]))
        if not models:
            datasets.append(entry)
            continue
        place = {"dataset": entry["dataset"], "fold": entry["fold"]}
        folder, metric = Path(entry["leakage"]).parent, SCORE_OF_TASK[entry["task"]]
        guess = {"binary": 0.5, "regression": 0}[entry["task"]]
        of_models = {}
        for model, members in models.items():
            made = make_ensemble(folder / model / "ensemble", members, entry["targets"], entry["task"], guess)
            ensembles.append({**place, "model": model, **made})
            of_models[model] = made["metrics"]
        own = {"predictions": entry["baseline_predictions"], "metrics": entry["baseline_metrics"]}
        baselines.append({**place, "baseline": "gc_content", **own})
        seeds_of = {model: [run["metrics"] for run in members] for model, members in models.items()}
        made = {
            "verdicts": make_verdicts(folder / "verdicts.tsv", of_models, {"gc_content": own["metrics"]}, metric),
            "comparison": make_comparison(folder / "comparison.tsv", entry["fold"], seeds_of, metric),
            "model_differences": make_differences(folder / "model_differences.tsv", of_models, metric),
            "motif_enrichment": make_enrichment(folder / "motif_enrichment.tsv", entry["targets"]),
        }
        datasets.append({**made, **entry})
    return {**inputs, "runs": runs, "datasets": datasets, "ensembles": ensembles, "baselines": baselines}


def calibration_beside(run):
    """The calibration of a run by its own filters."""
    table = read(run["filters"])
    counts = {
        "n_filters": len(table),
        "n_dead": int((table["status"] == "dead").sum()),
        "n_matched": int((table["best_match_q"].astype(float) < 0.05).sum()),
    }
    return make_calibration(Path(run["filters"]).with_name("calibration.tsv"), **counts)


def scores_of(inputs):
    """The score rows of what `render_report` takes."""
    inputs = with_checks(inputs)
    return score_rows(inputs["runs"], with_scores(inputs["datasets"], inputs["ensembles"], inputs["baselines"]))
