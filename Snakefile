# cisflow: from a genome and peak files to trained CNNs, honest numbers, and the motifs they learned.
import snakemake.utils

snakemake.utils.min_version("9.0")


# A configuration named on the command line (--configfile) stands alone: Snakemake would merge it into this one key by
# key, and settings of the embedded example would slip into another project.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/models.smk"
include: "rules/reference.smk"
include: "rules/planted.smk"
include: "rules/intervals.smk"
include: "rules/encode.smk"
include: "rules/train.smk"
include: "rules/evaluate.smk"
include: "rules/motifs.smk"
include: "rules/reported.smk"
include: "rules/report.smk"


# Every result that counts is named: if `all` asked for the report alone, a broken file in the middle would be deleted
# and the next run would say that there is nothing to be done.
rule all:
    default_target: True
    input:
        "results/reference/inputs.tsv",
        split_results("{dataset}/windows.tsv"),
        split_results("{dataset}/{fold}/split_report.tsv"),
        split_results("{dataset}/{fold}/{split}.h5"),
        split_results("{dataset}/{fold}/leakage.tsv"),
        [
            f"results/{run['dataset']}/{run['fold']}/baselines/{baseline}/metrics.tsv"
            for run in DATA_RUNS
            for baseline in baselines_of(run["dataset"])
            if MODEL_RUNS
        ],
        search_results("{dataset}/{fold}/{model}/search/trials.tsv"),
        model_results("{dataset}/{fold}/{model}/seed{seed}/model.pt", "networks"),
        model_results("{dataset}/{fold}/{model}/seed{seed}/history.tsv", "networks"),
        model_results("{dataset}/{fold}/{model}/seed{seed}/warnings.tsv"),
        model_results("{dataset}/{fold}/{model}/seed{seed}/predictions.tsv"),
        model_results("{dataset}/{fold}/{model}/seed{seed}/metrics.tsv"),
        model_results("{dataset}/{fold}/{model}/seed{seed}/filters.meme", "filters"),
        model_results("{dataset}/{fold}/{model}/seed{seed}/filters.tsv", "filters"),
        model_results("{dataset}/{fold}/{model}/seed{seed}/motif_matches.tsv", "filters"),
        model_results("{dataset}/{fold}/{model}/seed{seed}/calibration.tsv", "filters"),
        model_results("{dataset}/{fold}/{model}/ensemble/metrics.tsv"),
        permuted_results("{dataset}/{fold}/{model}/seed{seed}_permuted/metrics.tsv"),
        dataset_results("{dataset}/{fold}/verdicts.tsv"),
        dataset_results("{dataset}/{fold}/motif_enrichment.tsv"),
        dataset_results("{dataset}/comparison.tsv"),
        list(over_datasets_results().values()),
        consensus_results(),
        across_results(),
        planted_results(),
        curve_results(),
        "results/report.html",


# The learning curves alone: `snakemake learning_curve`.
rule learning_curve:
    input:
        curve_results(),


onerror:
    tell_failures(log)
