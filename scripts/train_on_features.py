"""A linear model or gradient boosting on the features of a frozen network: chosen on val, evaluated on test."""

import platform

import numpy as np
import pandas as pd
import sklearn

from cisflow.checksums import sha256_of
from cisflow.evaluation import OUTPUTS, write_evaluation
from cisflow.feature_estimators import doubts_of, fit_estimator, predict_targets, read_estimator, write_estimator
from cisflow.feature_file import read_features
from cisflow.messages import run_script
from cisflow.parents import parent_warnings, tell_warning, write_warnings


def main(
    features_path,
    groups,
    rows_path,
    parent_path,
    estimator_kind,
    name,
    seed,
    n_resamples,
    block,
    resamples_seed,
    estimator_output,
    choice_output,
    warnings_output,
    outputs,
):
    """Fit, choose, and evaluate.

    Parameters
    ----------
    features_path : str
    groups : str
        Table of the chromosomes (or other groups) of each split.
    rows_path : str
        What is known of the test rows; see `scripts/describe_test_rows.py`.
    parent_path : str or None
        File of the network whose features they are; others are refused.
    estimator_kind : str
        `linear` or `gradient_boosting`.
    name : str
        Of the model, for the table.
    seed : int
    n_resamples, block, resamples_seed : int
        As for networks.
    estimator_output, choice_output, warnings_output : str
    outputs : dict of str -> str
        See `cisflow.evaluation.write_evaluation`.
    """
    splits, provenance = read_features(features_path, sha256_of(parent_path) if parent_path else None)
    train, val, test = (splits[split] for split in ("train", "val", "test"))
    about = train["attributes"]
    of_split = pd.read_csv(groups, sep="\t", dtype=str, keep_default_na=False)
    chromosomes = {split: list(of_split.loc[of_split["split"] == split, "group"]) for split in splits}
    print(
        f"{train['features'].shape[1]} features of {provenance['parent']}, layer {provenance['layer'] or 'at the end'};"
        f" {len(train['features'])} training and {len(val['features'])} validation rows"
    )
    estimator, choice = fit_estimator(
        estimator_kind,
        (train["features"], train["targets"]),
        (val["features"], val["targets"]),
        about["target_names"],
        str(about["task"]),
        seed,
    )
    choice.to_csv(choice_output, sep="\t", index=False, float_format="%.8g")
    print(choice.to_string(index=False))
    warnings = parent_warnings(provenance["parent_record"], chromosomes, about)
    warnings += doubts_of(choice, train["features"])
    for kind, text in warnings:
        tell_warning(kind, text)
    write_warnings(warnings_output, warnings)
    kept = {
        "features_digest": provenance["digest"],
        "parent": provenance["parent"],
        "parent_sha256": provenance["parent_sha256"],
        "layer": provenance["layer"],
        "pooling": provenance["pooling"],
        "strands": provenance["strands"],
        "seed": seed,
        "scikit_learn": sklearn.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    write_estimator(estimator_output, estimator, kept)
    stored, _ = read_estimator(estimator_output)  # what is reported is what the file predicts
    evaluated = ((split, predict_targets(stored, split["features"])) for split in (test, val))
    rows = pd.read_csv(rows_path, sep="\t")
    metrics = write_evaluation(*evaluated, name, n_resamples, block, resamples_seed, outputs, rows)
    print(metrics.to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.features,
            snakemake.input.groups,
            snakemake.input.rows,
            snakemake.input.get("parent") or None,
            snakemake.params.estimator,
            snakemake.wildcards.model,
            snakemake.params.seed,
            snakemake.params.n_resamples,
            snakemake.params.block,
            snakemake.params.resamples_seed,
            snakemake.output.estimator,
            snakemake.output.choice,
            snakemake.output.warnings,
            {name: snakemake.output[name] for name in OUTPUTS},
        )
