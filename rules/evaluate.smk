# In: model.pt and test.h5. Out: .../predictions.tsv and metrics.tsv with intervals; the same of the baselines.
# May go wrong: little; the test split is read here for the first time.


rule evaluate_model:
    input:
        model="results/{dataset}/{fold}/{model}/seed{seed}/model.pt",
        test="results/{dataset}/{fold}/test.h5",
    output:
        predictions="results/{dataset}/{fold}/{model}/seed{seed}/predictions.tsv",
        metrics=report(
            "results/{dataset}/{fold}/{model}/seed{seed}/metrics.tsv",
            category="{dataset}",
            subcategory="{model}",
            labels={"table": "test metrics", "fold": "{fold}", "seed": "{seed}"},
            caption="../resources/report/captions/metrics.rst",
        ),
    log:
        "logs/evaluate_model/{dataset}/{fold}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/evaluate_model/{dataset}/{fold}/{model}/seed{seed}.tsv"
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


rule evaluate_baseline:
    input:
        train="results/{dataset}/{fold}/train.h5",
        test="results/{dataset}/{fold}/test.h5",
    output:
        predictions="results/{dataset}/{fold}/baselines/{baseline}/predictions.tsv",
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
        code=code_digest("evaluate_baseline.py"),
    script:
        "../scripts/evaluate_baseline.py"
