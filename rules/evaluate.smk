# In: model.pt, val.h5 and test.h5. Out: predictions of both splits, test metrics with intervals at thresholds chosen on
# validation, reliability, metrics of parts of the test rows; the same of the mean over seeds and of the baselines;
# verdicts and comparisons within each dataset and over all of them.
# May go wrong: little; the test split is read here for the first time.


rule describe_test_rows:
    input:
        train="results/{dataset}/{fold}/train.h5",
        test="results/{dataset}/{fold}/test.h5",
        peaks=peak_table,
    output:
        rows="results/{dataset}/{fold}/test_rows.tsv",
    log:
        "logs/describe_test_rows/{dataset}/{fold}.log",
    benchmark:
        "benchmarks/describe_test_rows/{dataset}/{fold}.tsv"
    conda:
        "../envs/evaluate.yaml"
    params:
        kmer_length=SETTINGS["splits"]["kmer_length"],
        code=code_digest("describe_test_rows.py"),
    script:
        "../scripts/describe_test_rows.py"


rule evaluate_model:
    input:
        model="results/{dataset}/{fold}/{model}/{run}/model.pt",
        val="results/{dataset}/{fold}/val.h5",
        test="results/{dataset}/{fold}/test.h5",
        rows="results/{dataset}/{fold}/test_rows.tsv",
    output:
        predictions="results/{dataset}/{fold}/{model}/{run}/predictions.tsv",
        val_predictions="results/{dataset}/{fold}/{model}/{run}/val_predictions.tsv",
        reliability="results/{dataset}/{fold}/{model}/{run}/reliability.tsv",
        strata="results/{dataset}/{fold}/{model}/{run}/strata.tsv",
        metrics=report(
            "results/{dataset}/{fold}/{model}/{run}/metrics.tsv",
            category="{dataset}",
            subcategory="{model}",
            labels={"table": "test metrics", "fold": "{fold}", "run": "{run}"},
            caption="../resources/report/captions/metrics.rst",
        ),
    log:
        "logs/evaluate_model/{dataset}/{fold}/{model}/{run}.log",
    benchmark:
        "benchmarks/evaluate_model/{dataset}/{fold}/{model}/{run}.tsv"
    wildcard_constraints:
        model=any_of(NETWORKS),
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        device=INFERENCE_DEVICE,
    params:
        n_resamples=SETTINGS["evaluate"]["bootstrap_resamples"],
        block=SETTINGS["evaluate"]["bootstrap_block"],
        seed=SETTINGS["seed"],
        code=code_digest("evaluate_model.py"),
    script:
        "../scripts/evaluate_model.py"


rule average_predictions:
    input:
        predictions=expand("results/{{dataset}}/{{fold}}/{{model}}/seed{seed}/predictions.tsv", seed=SEEDS),
        val_predictions=expand("results/{{dataset}}/{{fold}}/{{model}}/seed{seed}/val_predictions.tsv", seed=SEEDS),
        val="results/{dataset}/{fold}/val.h5",
        test="results/{dataset}/{fold}/test.h5",
        rows="results/{dataset}/{fold}/test_rows.tsv",
    output:
        predictions="results/{dataset}/{fold}/{model}/ensemble/predictions.tsv",
        val_predictions="results/{dataset}/{fold}/{model}/ensemble/val_predictions.tsv",
        reliability="results/{dataset}/{fold}/{model}/ensemble/reliability.tsv",
        strata="results/{dataset}/{fold}/{model}/ensemble/strata.tsv",
        metrics=report(
            "results/{dataset}/{fold}/{model}/ensemble/metrics.tsv",
            category="{dataset}",
            subcategory="{model}",
            labels={"table": "test metrics", "fold": "{fold}", "seed": "mean over seeds"},
            caption="../resources/report/captions/metrics.rst",
        ),
    log:
        "logs/average_predictions/{dataset}/{fold}/{model}.log",
    benchmark:
        "benchmarks/average_predictions/{dataset}/{fold}/{model}.tsv"
    conda:
        "../envs/evaluate.yaml"
    params:
        n_resamples=SETTINGS["evaluate"]["bootstrap_resamples"],
        block=SETTINGS["evaluate"]["bootstrap_block"],
        seed=SETTINGS["seed"],
        code=code_digest("average_predictions.py"),
    script:
        "../scripts/average_predictions.py"


rule evaluate_baseline:
    input:
        train="results/{dataset}/{fold}/train.h5",
        val="results/{dataset}/{fold}/val.h5",
        test="results/{dataset}/{fold}/test.h5",
        motifs=baseline_motifs,
    output:
        predictions="results/{dataset}/{fold}/baselines/{baseline}/predictions.tsv",
        val_predictions="results/{dataset}/{fold}/baselines/{baseline}/val_predictions.tsv",
        reliability="results/{dataset}/{fold}/baselines/{baseline}/reliability.tsv",
        chosen="results/{dataset}/{fold}/baselines/{baseline}/chosen.tsv",
        metrics=report(
            "results/{dataset}/{fold}/baselines/{baseline}/metrics.tsv",
            category="{dataset}",
            subcategory="baselines",
            labels={"table": "test metrics", "fold": "{fold}", "baseline": "{baseline}"},
            caption="../resources/report/captions/baselines.rst",
        ),
    log:
        "logs/evaluate_baseline/{dataset}/{fold}/{baseline}.log",
    benchmark:
        "benchmarks/evaluate_baseline/{dataset}/{fold}/{baseline}.tsv"
    conda:
        "../envs/evaluate.yaml"
    params:
        n_resamples=SETTINGS["evaluate"]["bootstrap_resamples"],
        block=SETTINGS["evaluate"]["bootstrap_block"],
        seed=SETTINGS["seed"],
        settings=baseline_settings,
        code=code_digest("evaluate_baseline.py"),
    script:
        "../scripts/evaluate_baseline.py"


rule judge_models:
    input:
        models=ensembles_beside,
        baselines=baselines_beside,
    output:
        verdicts=report(
            "results/{dataset}/{fold}/verdicts.tsv",
            category="{dataset}",
            labels={"table": "networks against baselines", "fold": "{fold}"},
            caption="../resources/report/captions/verdicts.rst",
        ),
    log:
        "logs/judge_models/{dataset}/{fold}.log",
    benchmark:
        "benchmarks/judge_models/{dataset}/{fold}.tsv"
    conda:
        "../envs/evaluate.yaml"
    params:
        models=models_of,
        baselines=baseline_names,
        task=task_of,
        n_resamples=SETTINGS["evaluate"]["bootstrap_resamples"],
        block=SETTINGS["evaluate"]["bootstrap_block"],
        seed=SETTINGS["seed"],
        code=code_digest("judge_models.py"),
    script:
        "../scripts/judge_models.py"


rule compare_models:
    input:
        seed_metrics=seed_metrics,
        ensemble_metrics=ensemble_metrics,
        ensemble_predictions=ensemble_predictions,
    output:
        comparison=report(
            "results/{dataset}/comparison.tsv",
            category="{dataset}",
            labels={"table": "models compared"},
            caption="../resources/report/captions/comparison.rst",
        ),
        differences="results/{dataset}/model_differences.tsv",
    log:
        "logs/compare_models/{dataset}.log",
    benchmark:
        "benchmarks/compare_models/{dataset}.tsv"
    conda:
        "../envs/evaluate.yaml"
    params:
        seed_runs=compared_seed_runs,
        ensembles=compared_ensembles,
        task=task_of,
        n_resamples=SETTINGS["evaluate"]["bootstrap_resamples"],
        block=SETTINGS["evaluate"]["bootstrap_block"],
        seed=SETTINGS["seed"],
        code=code_digest("compare_models.py"),
    script:
        "../scripts/compare_models.py"


rule compare_over_datasets:
    input:
        models=over_datasets_inputs("models", "predictions.tsv"),
        baselines=over_datasets_inputs("baselines", "predictions.tsv"),
        seed_metrics=over_datasets_inputs("seeds", "metrics.tsv"),
    output:
        verdicts=report(
            "results/over_datasets/verdicts.tsv",
            category="over datasets",
            labels={"table": "networks against baselines"},
            caption="../resources/report/captions/over_datasets.rst",
        ),
        comparison=report(
            "results/over_datasets/comparison.tsv",
            category="over datasets",
            labels={"table": "models compared"},
            caption="../resources/report/captions/over_datasets.rst",
        ),
        differences="results/over_datasets/model_differences.tsv",
    log:
        "logs/compare_over_datasets/all.log",
    benchmark:
        "benchmarks/compare_over_datasets/all.tsv"
    conda:
        "../envs/evaluate.yaml"
    params:
        datasets=OVER_DATASETS,
        folds=list(FOLDS),
        seeds=SEEDS,
        n_resamples=SETTINGS["evaluate"]["bootstrap_resamples"],
        block=SETTINGS["evaluate"]["bootstrap_block"],
        seed=SETTINGS["seed"],
        code=code_digest("compare_over_datasets.py"),
    script:
        "../scripts/compare_over_datasets.py"


rule evaluate_across:
    input:
        models=expand("results/{{dataset}}/{{fold}}/{{model}}/seed{seed}/model.pt", seed=SEEDS),
        tests=tested_splits,
    output:
        metrics=report(
            "results/{dataset}/{fold}/{model}/ensemble/across.tsv",
            category="{dataset}",
            subcategory="{model}",
            labels={"table": "tested on other datasets", "fold": "{fold}", "seed": "mean over seeds"},
            caption="../resources/report/captions/across.rst",
        ),
    log:
        "logs/evaluate_across/{dataset}/{fold}/{model}.log",
    benchmark:
        "benchmarks/evaluate_across/{dataset}/{fold}/{model}.tsv"
    wildcard_constraints:
        model=any_of(NETWORKS),
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        device=INFERENCE_DEVICE,
    params:
        tested=tested_datasets,
        n_resamples=SETTINGS["evaluate"]["bootstrap_resamples"],
        block=SETTINGS["evaluate"]["bootstrap_block"],
        seed=SETTINGS["seed"],
        code=code_digest("evaluate_across.py"),
    script:
        "../scripts/evaluate_across.py"
