# In: train.h5, val.h5 and an entry of models.yaml. Out: results/{dataset}/{fold}/{model}/seed{seed}/model.pt, history.tsv.
# May go wrong: a GPU that was asked for and is absent, a loss that diverges.


rule train_model:
    input:
        train="results/{dataset}/{fold}/train.h5",
        val="results/{dataset}/{fold}/val.h5",
        groups="results/{dataset}/{fold}/groups.tsv",
    output:
        model="results/{dataset}/{fold}/{model}/seed{seed}/model.pt",
        history=report(
            "results/{dataset}/{fold}/{model}/seed{seed}/history.tsv",
            category="{dataset}",
            subcategory="{model}",
            labels={"table": "training history", "fold": "{fold}", "seed": "{seed}"},
            caption="../resources/report/captions/history.rst",
        ),
    log:
        "logs/train_model/{dataset}/{fold}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/train_model/{dataset}/{fold}/{model}/seed{seed}.tsv"
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        gpu=gpus,
        # A resource, not a parameter: another device is no reason to train anew.
        device=SETTINGS["train"]["device"],
    params:
        layers=layers_of,
        training=training_of,
        seed=seed_of,
        code=code_digest("train_model.py"),
    script:
        "../scripts/train_model.py"
