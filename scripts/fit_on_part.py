"""One point of a learning curve: an estimator fitted to a part of the features of a frozen network."""

from cisflow.checksums import sha256_of
from cisflow.evaluation import metrics_of, thresholds_of
from cisflow.feature_estimators import fit_estimator, predict_targets
from cisflow.feature_file import read_features
from cisflow.learning_curve import part_of_curve, training_rows
from cisflow.messages import run_script


def main(features_path, parent_path, estimator_kind, name, seed, percent, n_resamples, block, resamples_seed, output):
    """Fit to a part of the training rows, choose on validation, and evaluate.

    Parameters
    ----------
    features_path, parent_path, estimator_kind, name, seed, n_resamples, block, resamples_seed
        As in `scripts/train_on_features.py`.
    percent : float
        Of the training rows.
    output : str
        See `cisflow.learning_curve.part_of_curve`.
    """
    splits, _ = read_features(features_path, sha256_of(parent_path) if parent_path else None)
    train, val, test = (splits[split] for split in ("train", "val", "test"))
    rows = training_rows(train["targets"], percent, seed)
    estimator, choice = fit_estimator(
        estimator_kind,
        (train["features"][rows], train["targets"][rows]),
        (val["features"], val["targets"]),
        train["attributes"]["target_names"],
        str(train["attributes"]["task"]),
        seed,
    )
    print(choice.to_string(index=False))
    predictions, of_val = (predict_targets(estimator, split["features"]) for split in (test, val))
    thresholds = thresholds_of(val, of_val)
    metrics = metrics_of(test, predictions, name, n_resamples, block, resamples_seed, thresholds)
    part = part_of_curve(metrics, seed, percent, len(rows))
    part.to_csv(output, sep="\t", index=False, float_format="%.8g")
    print(part.to_string(index=False))


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.features,
            snakemake.input.get("parent") or None,
            snakemake.params.estimator,
            snakemake.wildcards.model,
            snakemake.params.seed,
            snakemake.params.percent,
            snakemake.params.n_resamples,
            snakemake.params.block,
            snakemake.params.resamples_seed,
            snakemake.output.part,
        )
