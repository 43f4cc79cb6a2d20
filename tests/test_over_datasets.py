"""Means over datasets: metrics are scikit-learn's and scipy's, resamples are made row by row."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, pearsonr, t, ttest_ind
from sklearn.metrics import roc_auc_score

from cisflow.bootstrap import drawn_blocks
from cisflow.over_datasets import BASELINE, COLUMNS, MODEL, effective_blocks, mean_ranks, tables_over_datasets
from cisflow.verdicts import verdict_table
from compare_over_datasets import main as compare_over_datasets

BLOCK, RESAMPLES, SEED, N_BLOCKS = 1_000, 50, 3, 24
TARGETS = {"one": ["NA", "b"], "two": ["NA"], "three": ["c"]}
NOISE = {"good": 1.0, "fair": 1.5, "kmers": 2.0, "blind": 1e6}
METHODS = {name: (MODEL if name in ("good", "fair") else BASELINE, name) for name in NOISE}
SEEDS = [1, 4]


def write_predictions(path, loci, targets, truth, scores):
    table = loci.copy()
    for column, target in enumerate(targets):
        table[target], table[f"{target}_predicted"] = truth[:, column], scores[:, column]
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, sep="\t", index=False, float_format="%.9g")
    return str(path)


def write_metrics(path, metric, values):
    rows = [("test", target, metric, value) for target, value in values.items()]
    rows += [("val", target, metric, 0.111) for target in values] + [("test", "mean", metric, 0.222)]
    pd.DataFrame(rows, columns=["split", "target", "metric", "value"]).to_csv(path, sep="\t", index=False)
    return str(path)


def value_of(truth, score, task):
    known = ~np.isnan(truth)
    return (
        roc_auc_score(truth[known], score[known])
        if task == "binary"
        else pearsonr(truth[known], score[known]).statistic
    )


def make_fold(rng, task, chrom, n_targets):
    """Rows of one fold in every one of 24 blocks, unevenly, some of them unknown."""
    starts = np.repeat(np.arange(N_BLOCKS), rng.integers(4, 12, N_BLOCKS)) * BLOCK + 3
    loci = pd.DataFrame({"chrom": chrom, "start": starts, "end": starts + 50, "name": "NA"})
    shape = len(loci), n_targets
    truth = rng.integers(0, 2, shape).astype(float) if task == "binary" else rng.normal(size=shape)
    truth[rng.random(shape) < 0.1] = np.nan
    return {"loci": loci, "truth": truth, "scores": {name: scored(truth, noise, rng) for name, noise in NOISE.items()}}


def scored(truth, noise, rng):
    return (np.nan_to_num(truth) + noise * rng.normal(size=truth.shape)).round(6)


def written(folder, datasets, task, targets=TARGETS):
    """What `tables_over_datasets` takes, of folds in memory; a seed's metrics are made up."""
    metric, members, seeds = {"binary": "auroc", "regression": "pearson"}[task], {}, {}
    for dataset, folds in datasets.items():
        predictions, runs = {}, {}
        for fold, part in folds.items():
            predictions[fold] = {
                METHODS[name]: write_predictions(
                    folder / dataset / fold / f"{name}.tsv", part["loci"], targets[dataset], part["truth"], score
                )
                for name, score in part["scores"].items()
            }
            for name in [name for name in part["scores"] if METHODS[name][0] == MODEL]:
                for number, seed in enumerate(SEEDS):
                    values = {
                        target: 0.5 + 0.01 * number + 0.1 * column for column, target in enumerate(targets[dataset])
                    }
                    seeds[dataset, name, number] = np.mean(list(values.values()))
                    path = write_metrics(folder / dataset / fold / f"{name}{seed}.tsv", metric, values)
                    runs.setdefault(name, [{} for _ in SEEDS])[number][fold] = path
        members[dataset] = {"task": task, "predictions": predictions, "seeds": runs}
    return members, seeds


@pytest.fixture(params=["binary", "regression"])
def made(request, tmp_path):
    """Three datasets of the same blocks, two folds of other chromosomes, one dataset with two targets."""
    rng = np.random.default_rng(0)
    datasets = {
        name: {fold: make_fold(rng, request.param, f"chr{fold}", len(own)) for fold in ("fold1", "fold2")}
        for name, own in TARGETS.items()
    }
    return request.param, datasets, *written(tmp_path, datasets, request.param)


def mean_value(datasets, folds, name, task, times=None):
    """The mean over datasets, targets and folds, of rows that stand there so many times."""
    of_datasets = []
    for part in datasets.values():
        of_targets = []
        for column in range(part[folds[0]]["truth"].shape[1]):
            of_folds = []
            for fold in folds:
                truth, score = part[fold]["truth"][:, column], part[fold]["scores"][name][:, column]
                if times is not None:
                    repeats = times[fold][part[fold]["loci"]["start"] // BLOCK]
                    truth, score = np.repeat(truth, repeats), np.repeat(score, repeats)
                of_folds.append(value_of(truth, score, task))
            of_targets.append(np.mean(of_folds))
        of_datasets.append(np.mean(of_targets))
    return np.mean(of_datasets)


def test_differences_are_those_of_a_bootstrap_that_draws_the_same_blocks_for_all(made):
    task, datasets, members, _ = made
    tables = tables_over_datasets(members, RESAMPLES, BLOCK, SEED)
    verdicts = tables["verdicts"].set_index(["model", "baseline", "fold"])
    differences = tables["differences"].set_index(["model", "other", "fold"])
    assert len(verdicts) == 12
    assert len(differences) == 3
    for fold, folds, (model, other), table in (
        ("fold2", ["fold2"], ("good", "kmers"), verdicts),
        ("fold2", ["fold2"], ("fair", "blind"), verdicts),
        ("mean", ["fold1", "fold2"], ("good", "fair"), differences),
    ):
        n = N_BLOCKS * len(folds)
        draws = np.concatenate([part for _, part in drawn_blocks(n, RESAMPLES, SEED)])
        times = [dict(zip(folds, np.split(draw, len(folds)), strict=True)) for draw in draws]
        widening = np.sqrt(n / (n - 1)) * t.ppf(0.975, n - 1) / norm.ppf(0.975)
        row = table.loc[(model, other, fold)]
        value, beside = (mean_value(datasets, folds, name, task) for name in (model, other))
        resampled = [
            mean_value(datasets, folds, model, task, one) - mean_value(datasets, folds, other, task, one)
            for one in times
        ]
        deviations = np.sort(widening * np.abs(np.array(resampled) - (value - beside)))
        reach = deviations[int(np.ceil(0.95 * (RESAMPLES - 1)))]
        assert row["value"] == pytest.approx(value, abs=1e-9)
        assert row[f"{'baseline' if table is verdicts else 'other'}_value"] == pytest.approx(beside, abs=1e-9)
        assert row["difference"] == pytest.approx(value - beside, abs=1e-9)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((value - beside - reach, value - beside + reach))
        assert row["p"] == pytest.approx(((deviations >= value - beside).sum() + 1) / (RESAMPLES + 1))
        assert (row["n_datasets"], row["n_targets"]) == (3, 4)
    assert (verdicts["q"] >= verdicts["p"]).all()
    assert (verdicts.xs("blind", level="baseline")["verdict"] == "better").all()
    assert set(verdicts["metric"]) == {"auroc" if task == "binary" else "pearson"}
    assert (tables["verdicts"][["left_out", "no_value"]] == "").all(axis=None)


def test_blocks_that_are_drawn_apart_would_give_another_interval(tmp_path):
    """Rows of two factors in the same blocks rise and fall together: drawn apart, the interval would be too narrow."""
    rng = np.random.default_rng(8)
    fold = make_fold(rng, "binary", "chr1", 1)
    fold["scores"] = {name: fold["scores"][name] for name in ("good", "kmers")}
    moved = {**fold, "loci": fold["loci"].assign(chrom="chr2")}
    targets = {"one": ["c"], "two": ["c"]}
    reach = {}
    for name, other in (("together", fold), ("apart", moved)):
        members, _ = written(tmp_path / name, {"one": {"f": fold}, "two": {"f": other}}, "binary", targets)
        [row] = tables_over_datasets(members, 2_000, BLOCK, SEED)["verdicts"].to_dict("records")
        reach[name] = row["ci_high"] - row["difference"]
    # Two copies say no more than one; two of which each is new halve the variance.
    assert reach["together"] / reach["apart"] == pytest.approx(np.sqrt(2), rel=0.08)


def test_copies_of_one_dataset_have_its_verdicts(made, tmp_path):
    task, datasets, _, _ = made
    part = {"fold1": datasets["one"]["fold1"]}
    part["fold1"]["truth"][part["fold1"]["loci"]["start"] < 2 * BLOCK] = np.nan  # two blocks of which nothing is known
    members, _ = written(tmp_path, {"x": part, "y": part}, task, {"x": ["NA", "b"], "y": ["NA", "b"]})
    paths = {name: path for (_, name), path in members["x"]["predictions"]["fold1"].items()}
    models, baselines = ({name: paths[name] for name in names} for names in (("good", "fair"), ("kmers", "blind")))
    expected = verdict_table(models, baselines, task, RESAMPLES, BLOCK, SEED)
    expected = expected[expected["target"] == "mean"].reset_index(drop=True)
    found = tables_over_datasets(members, RESAMPLES, BLOCK, SEED)["verdicts"]
    names = ["model", "baseline", "metric", "value", "baseline_value", "difference", "ci_low", "ci_high", "p"]
    pd.testing.assert_frame_equal(found[names], expected[names])


def test_the_comparison_has_seeds_ensemble_and_ranks(made):
    task, datasets, members, seeds = made
    table = tables_over_datasets(members, RESAMPLES, BLOCK, SEED)["comparison"].set_index(["model", "fold"])
    assert len(table) == 6
    for model in ("good", "fair"):
        row = table.loc[(model, "fold1")]
        of_seeds = [np.mean([seeds[dataset, model, number] for dataset in datasets]) for number in (0, 1)]
        assert (row["seeds"], row["mean"]) == (2, pytest.approx(np.mean(of_seeds)))
        assert row["sd"] == pytest.approx(np.std(of_seeds, ddof=1))
        assert (row["lowest"], row["highest"]) == pytest.approx((min(of_seeds), max(of_seeds)))
        assert row["ensemble"] == pytest.approx(mean_value(datasets, ["fold1"], model, task), abs=1e-9)
        assert row["ci_low"] < row["ensemble"] < row["ci_high"] < 1
        own = [{dataset: part} for dataset, part in datasets.items()]
        values = [[mean_value(one, ["fold1"], name, task) for name in ("good", "fair")] for one in own]
        places = [1 + sum(other > value[model == "fair"] for other in value) for value in values]
        assert row["mean_rank"] == pytest.approx(np.mean(places))


def test_ranks_of_equals_and_of_models_that_not_all_datasets_have():
    values = [{"a": 0.9, "b": 0.8, "c": 0.8, "part": 1.0}, {"a": 0.5, "b": 0.7, "c": 0.6}]
    assert mean_ranks(values, ["a", "b", "c", "part"]) == {"a": 2.0, "b": 1.75, "c": 2.25}
    assert mean_ranks(values[:1], ["a", "b"]) == {}
    assert mean_ranks([{"a": 0.9, "b": np.nan}, {"a": 0.5, "b": 0.7}], ["a", "b"]) == {"a": 1.0}


def test_what_a_dataset_lacks_is_named(made, tmp_path):
    """No model can have a value where labels are all alike: that is left out. One that fails is not: it has no mean."""
    task, datasets, _, _ = made
    folds = {name: {"fold1": part["fold1"]} for name, part in datasets.items()}
    one, two = folds["one"]["fold1"], folds["two"]["fold1"]
    one["truth"][:, 1] = np.where(np.isnan(one["truth"][:, 1]), np.nan, 1)
    del two["scores"]["fair"], two["scores"]["kmers"]
    folds["three"]["fold1"]["scores"]["blind"][5] = np.nan
    folds["three"]["fold1"]["truth"][5] = 1
    members, _ = written(tmp_path, folds, task)
    tables = tables_over_datasets(members, RESAMPLES, BLOCK, SEED)
    verdicts = tables["verdicts"].set_index(["model", "baseline"])
    row = verdicts.loc[("good", "kmers")]
    assert (row["n_datasets"], row["n_targets"], row["left_out"], row["no_value"]) == (2, 2, "one: b, two", "")
    of_two = {
        "one": {"fold1": {**one, "truth": one["truth"][:, :1]}},
        "three": folds["three"],
    }
    assert row["value"] == pytest.approx(mean_value(of_two, ["fold1"], "good", task))
    row = verdicts.loc[("good", "blind")]
    assert (row["n_datasets"], row["left_out"], row["no_value"]) == (3, "one: b", "three")
    assert row[["value", "difference", "ci_low", "p", "q"]].isna().tolist() == [False, True, True, True, True]
    assert row["verdict"] == "not told apart"
    comparison = tables["comparison"].set_index("model")
    assert comparison["left_out"].to_dict() == {"good": "one: b", "fair": "one: b, two"}
    assert np.isnan(comparison.loc["fair", "mean_rank"])
    alone = {name: {**part, "predictions": dict(part["predictions"])} for name, part in members.items()}
    for name in ("one", "three"):
        own = alone[name]["predictions"]["fold1"]
        alone[name]["predictions"]["fold1"] = {key: path for key, path in own.items() if key != METHODS["fair"]}
    found = tables_over_datasets(alone, RESAMPLES, BLOCK, SEED)
    assert set(found["comparison"]["model"]) == {"good"}  # a model of one dataset has no mean over datasets


def test_one_dataset_of_a_task_has_no_table(made):
    _, _, members, _ = made
    tables = tables_over_datasets({"one": members["one"]}, RESAMPLES, BLOCK, SEED)
    assert {name: (len(table), tuple(table)) for name, table in tables.items()} == {
        name: (0, columns) for name, columns in COLUMNS.items()
    }


def test_tasks_are_compared_apart(tmp_path):
    rng, members = np.random.default_rng(2), {}
    for task in ("binary", "regression"):
        folds = {f"{task}{n}": {"f": make_fold(rng, task, "chr1", 1)} for n in range(2)}
        members |= written(tmp_path, folds, task, {name: ["c"] for name in folds})[0]
    table = tables_over_datasets(members, RESAMPLES, BLOCK, SEED)["verdicts"]
    assert table.groupby("metric")["n_datasets"].unique().map(list).to_dict() == {"auroc": [2], "pearson": [2]}


def test_a_resample_without_a_positive_of_some_dataset_still_counts(tmp_path):
    """Of 700 small datasets some lack positives in every resample: these were all lost."""
    rng, folds = np.random.default_rng(1), {}
    for number in range(6):
        fold = make_fold(rng, "binary", f"chr{number}", 1)
        in_block = (fold["loci"]["start"] // BLOCK).to_numpy()
        fold["truth"][:, 0] = (in_block == number) & (np.arange(len(in_block)) % 2 == 0)  # one block has positives
        fold["scores"] = {name: scored(fold["truth"], 2.0, rng) for name in ("good", "kmers")}
        folds[str(number)] = {"f": fold}
    members, _ = written(tmp_path, folds, "binary", {name: ["c"] for name in folds})
    [row] = tables_over_datasets(members, 200, BLOCK, SEED)["verdicts"].to_dict("records")
    deviations, points = np.full((200, 6), np.nan), []
    draws = np.concatenate([part for _, part in drawn_blocks(6 * N_BLOCKS, 200, SEED)])
    for number, part in enumerate(folds.values()):
        truth, scores = part["f"]["truth"][:, 0], part["f"]["scores"]
        in_block = number * N_BLOCKS + part["f"]["loci"]["start"].to_numpy() // BLOCK
        points.append(np.subtract(*(roc_auc_score(truth, scores[name][:, 0]) for name in ("good", "kmers"))))
        for resample in np.flatnonzero(draws[:, number * N_BLOCKS + number]):
            times = draws[resample][in_block]
            of_both = [roc_auc_score(truth, scores[name][:, 0], sample_weight=times) for name in ("good", "kmers")]
            deviations[resample, number] = np.subtract(*of_both) - points[-1]
    assert 0.55 < np.isfinite(deviations).mean() < 0.7  # 63 % of the resamples draw a block
    assert np.isfinite(deviations).all(axis=1).mean() < 0.15
    n = effective_blocks(np.nanvar(deviations, axis=0), [N_BLOCKS] * 6, 6 * N_BLOCKS)
    widening = np.sqrt(n / (n - 1)) * t.ppf(0.975, n - 1) / norm.ppf(0.975)
    of_mean = np.sort(widening * np.abs(np.nanmean(deviations[np.isfinite(deviations).any(axis=1)], axis=1)))
    reach = of_mean[int(np.ceil(0.95 * (len(of_mean) - 1)))]
    assert row["ci_high"] - row["difference"] == pytest.approx(reach)
    assert row["p"] == pytest.approx(((of_mean >= abs(np.mean(points))).sum() + 1) / (len(of_mean) + 1))


def test_blocks_of_separate_datasets_count_as_welch_and_satterthwaite_have_it():
    rng = np.random.default_rng(3)
    for few, many in ((5, 80), (30, 40)):
        one, other = 3 * rng.normal(size=few), rng.normal(size=many)
        expected = ttest_ind(one, other, equal_var=False).df
        spreads = [one.var(ddof=1) / few, other.var(ddof=1) / many]
        assert effective_blocks(spreads, [few, many], few + many) == pytest.approx(1 + expected)
    assert effective_blocks([1.0, 1.0, 1.0], [22, 22, 22], 22) == 22  # the same blocks thrice
    assert effective_blocks([0.0, 1.0], [1, 10], 11) == 10  # one block alone does not vary
    assert effective_blocks([0.0], [1], 1) == 1


def test_the_script_gives_every_path_its_place(made, tmp_path):
    task, _, members, _ = made
    about = {name: {"task": task, "models": ["good", "fair"], "baselines": ["kmers", "blind"]} for name in members}
    outputs = {name: tmp_path / f"{name}.tsv" for name in COLUMNS}
    folds = ["fold1", "fold2"]
    paths = [
        [part["predictions"][fold][METHODS[name]] for part in members.values() for fold in folds for name in names]
        for names in (("good", "fair"), ("kmers", "blind"))
    ]
    seeds = [
        run[fold]
        for part in members.values()
        for fold in folds
        for name in ("good", "fair")
        for run in part["seeds"][name]
    ]
    compare_over_datasets(about, folds, SEEDS, *paths, seeds, RESAMPLES, BLOCK, SEED, outputs)
    expected = tables_over_datasets(members, RESAMPLES, BLOCK, SEED)
    for name, path in outputs.items():
        table = pd.read_csv(path, sep="\t", keep_default_na=False, na_values={"q": [""]})
        pd.testing.assert_frame_equal(table, expected[name], rtol=1e-5, check_dtype=False)
    assert " ".join(expected["verdicts"]) == (
        "model baseline fold metric n_datasets n_targets value baseline_value difference ci_low ci_high p q verdict"
        " left_out no_value"
    )
