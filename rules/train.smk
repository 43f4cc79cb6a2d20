# In: train.h5, val.h5 and an entry of models.yaml, perhaps the network that it starts from.
# Out: results/{dataset}/{fold}/{model}/seed{seed}/model.pt, history.tsv and warnings.tsv.
# May go wrong: a GPU that was asked for and is absent, memory, a loss that diverges. A job that was killed goes on from its
# checkpoint, which lies beside the outputs and is none of them.


rule propose_trials:
    input:
        earlier=earlier_trials,
    output:
        proposals="results/{dataset}/{fold}/{model}/search/round{round}.json",
    log:
        "logs/propose_trials/{dataset}/{fold}/{model}/round{round}.log",
    benchmark:
        "benchmarks/propose_trials/{dataset}/{fold}/{model}/round{round}.tsv"
    wildcard_constraints:
        model=any_of(SEARCHES),
    conda:
        "../envs/train.yaml"
    threads: 1
    params:
        search=sampler_settings,
        numbers=round_trials,
        entry=searched_entry,
        inputs=input_shapes,
        n_targets=n_targets,
        code=code_digest("propose_trials.py"),
    script:
        "../scripts/propose_trials.py"


rule train_trial:
    input:
        train="results/{dataset}/{fold}/train.h5",
        val="results/{dataset}/{fold}/val.h5",
        proposals=proposals_file,
        motifs=motif_files,
    output:
        trial="results/{dataset}/{fold}/{model}/search/trial{trial}.tsv",
    log:
        "logs/train_trial/{dataset}/{fold}/{model}/trial{trial}.log",
    benchmark:
        "benchmarks/train_trial/{dataset}/{fold}/{model}/trial{trial}.tsv"
    wildcard_constraints:
        model=any_of(SEARCHES),
    retries: 2
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        gpu=gpus,
        device=SETTINGS["train"]["device"],
        checkpoint_minutes=SETTINGS["train"]["checkpoint_minutes"],
        attempt=attempt_number,
    params:
        network=network_of,
        training=training_of,
        motifs=motif_layers,
        seed=search_seed,
        code=code_digest("train_trial.py"),
    script:
        "../scripts/train_trial.py"


rule choose_trial:
    input:
        trials=all_trials,
    output:
        chosen="results/{dataset}/{fold}/{model}/search/chosen.json",
        trials=report(
            "results/{dataset}/{fold}/{model}/search/trials.tsv",
            category="{dataset}",
            subcategory="{model}",
            labels={"table": "trials of the search", "fold": "{fold}"},
            caption="../resources/report/captions/trials.rst",
        ),
    log:
        "logs/choose_trial/{dataset}/{fold}/{model}.log",
    benchmark:
        "benchmarks/choose_trial/{dataset}/{fold}/{model}.tsv"
    wildcard_constraints:
        model=any_of(SEARCHES),
    conda:
        "../envs/train.yaml"
    threads: 1
    params:
        by=search_by,
        code=code_digest("choose_trial.py"),
    script:
        "../scripts/choose_trial.py"


rule train_model:
    input:
        train="results/{dataset}/{fold}/train.h5",
        val="results/{dataset}/{fold}/val.h5",
        groups="results/{dataset}/{fold}/groups.tsv",
        chosen=chosen_file,
        parent=parent_file,
        motifs=motif_files,
    output:
        model="results/{dataset}/{fold}/{model}/seed{seed}/model.pt",
        history=report(
            "results/{dataset}/{fold}/{model}/seed{seed}/history.tsv",
            category="{dataset}",
            subcategory="{model}",
            labels={"table": "training history", "fold": "{fold}", "seed": "{seed}"},
            caption="../resources/report/captions/history.rst",
        ),
        warnings="results/{dataset}/{fold}/{model}/seed{seed}/warnings.tsv",
    log:
        "logs/train_model/{dataset}/{fold}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/train_model/{dataset}/{fold}/{model}/seed{seed}.tsv"
    wildcard_constraints:
        model=any_of(name for name in NETWORKS if name not in PACKED),
    retries: 2
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        gpu=gpus,
        # A resource, not a parameter: another device is no reason to train anew.
        device=SETTINGS["train"]["device"],
        checkpoint_minutes=SETTINGS["train"]["checkpoint_minutes"],
        attempt=attempt_number,
    params:
        network=network_of,
        training=training_of,
        transfer=transfer_of,
        motifs=motif_layers,
        seed=seed_of,
        code=code_digest("train_model.py"),
    script:
        "../scripts/train_model.py"


# What shows how much a result is worth: the same network before its first step, and trained on permuted labels.
rule initialise_model:
    input:
        train="results/{dataset}/{fold}/train.h5",
        val="results/{dataset}/{fold}/val.h5",
        groups="results/{dataset}/{fold}/groups.tsv",
        chosen=chosen_file,
        parent=parent_file,
        motifs=motif_files,
    output:
        model="results/{dataset}/{fold}/{model}/seed{seed}_untrained/model.pt",
    log:
        "logs/initialise_model/{dataset}/{fold}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/initialise_model/{dataset}/{fold}/{model}/seed{seed}.tsv"
    wildcard_constraints:
        model=any_of(NETWORKS),
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        device="cpu",
        checkpoint_minutes=SETTINGS["train"]["checkpoint_minutes"],
        attempt=attempt_number,
    params:
        network=network_of,
        training=training_of,
        transfer=transfer_of,
        motifs=motif_layers,
        seed=seed_of,
        code=code_digest("initialise_model.py"),
    script:
        "../scripts/initialise_model.py"


rule train_permuted:
    input:
        train="results/{dataset}/{fold}/train.h5",
        val="results/{dataset}/{fold}/val.h5",
        groups="results/{dataset}/{fold}/groups.tsv",
        chosen=chosen_file,
        parent=parent_file,
        motifs=motif_files,
    output:
        model="results/{dataset}/{fold}/{model}/seed{seed}_permuted/model.pt",
    log:
        "logs/train_permuted/{dataset}/{fold}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/train_permuted/{dataset}/{fold}/{model}/seed{seed}.tsv"
    wildcard_constraints:
        model=any_of(NETWORKS),
    retries: 2
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        gpu=gpus,
        device=SETTINGS["train"]["device"],
        checkpoint_minutes=SETTINGS["train"]["checkpoint_minutes"],
        attempt=attempt_number,
    params:
        network=network_of,
        training=training_of,
        transfer=transfer_of,
        motifs=motif_layers,
        seed=seed_of,
        code=code_digest("train_permuted.py"),
    script:
        "../scripts/train_permuted.py"


# A rule for each job that trains many networks: its outputs have different wildcards, which no single rule can have.
for pack in PACKS:

    rule:
        name:
            f"train_pack_{pack}"
        input:
            train=pack_results("{dataset}/{fold}/train.h5", pack),
            val=pack_results("{dataset}/{fold}/val.h5", pack),
            groups=pack_results("{dataset}/{fold}/groups.tsv", pack),
        output:
            model=pack_results("{dataset}/{fold}/{model}/seed{seed}/model.pt", pack),
            history=pack_results("{dataset}/{fold}/{model}/seed{seed}/history.tsv", pack),
            warnings=pack_results("{dataset}/{fold}/{model}/seed{seed}/warnings.tsv", pack),
        log:
            f"logs/train_pack/{pack}.log",
        benchmark:
            f"benchmarks/train_pack/{pack}.tsv"
        retries: 2
        conda:
            "../envs/train.yaml"
        threads: 1
        resources:
            gpu=gpus,
            device=SETTINGS["train"]["device"],
            checkpoint_minutes=SETTINGS["train"]["checkpoint_minutes"],
            attempt=attempt_number,
            # No profile can name rules that are made here.
            mem_mb=pack_memory,
            runtime=pack_runtime,
        params:
            members=pack_members(pack),
            # Beside the outputs of its members, which belong to many folders, there is no place for it.
            checkpoints=f".snakemake/cisflow/packs/{pack}",
            code=code_digest("train_pack.py"),
        script:
            "../scripts/train_pack.py"


# The features of one network, layer, pooling and strands are kept; another estimator reads them again.
rule extract_features:
    input:
        train="results/{dataset}/{fold}/train.h5",
        val="results/{dataset}/{fold}/val.h5",
        test="results/{dataset}/{fold}/test.h5",
        parent=parent_file,
    output:
        features="results/{dataset}/{fold}/{model}/seed{seed}/features.h5",
    log:
        "logs/extract_features/{dataset}/{fold}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/extract_features/{dataset}/{fold}/{model}/seed{seed}.tsv"
    wildcard_constraints:
        model=any_of(FEATURE_MODELS),
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        gpu=gpus,
        device=SETTINGS["train"]["device"],
    params:
        features=features_of,
        code=code_digest("extract_features.py"),
    script:
        "../scripts/extract_features.py"


rule train_on_features:
    input:
        features="results/{dataset}/{fold}/{model}/seed{seed}/features.h5",
        groups="results/{dataset}/{fold}/groups.tsv",
        rows="results/{dataset}/{fold}/test_rows.tsv",
        # Its checksum: features of a network that was replaced by a file with an older date are refused.
        parent=parent_file,
    output:
        estimator="results/{dataset}/{fold}/{model}/seed{seed}/estimator.npz",
        choice="results/{dataset}/{fold}/{model}/seed{seed}/choice.tsv",
        predictions="results/{dataset}/{fold}/{model}/seed{seed}/predictions.tsv",
        val_predictions="results/{dataset}/{fold}/{model}/seed{seed}/val_predictions.tsv",
        reliability="results/{dataset}/{fold}/{model}/seed{seed}/reliability.tsv",
        strata="results/{dataset}/{fold}/{model}/seed{seed}/strata.tsv",
        metrics=report(
            "results/{dataset}/{fold}/{model}/seed{seed}/metrics.tsv",
            category="{dataset}",
            subcategory="{model}",
            labels={"table": "test metrics", "fold": "{fold}", "seed": "{seed}"},
            caption="../resources/report/captions/metrics.rst",
        ),
        warnings="results/{dataset}/{fold}/{model}/seed{seed}/warnings.tsv",
    log:
        "logs/train_on_features/{dataset}/{fold}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/train_on_features/{dataset}/{fold}/{model}/seed{seed}.tsv"
    wildcard_constraints:
        model=any_of(FEATURE_MODELS),
    conda:
        "../envs/train.yaml"
    threads: 1
    params:
        estimator=estimator_of,
        seed=seed_of,
        n_resamples=SETTINGS["evaluate"]["bootstrap_resamples"],
        block=SETTINGS["evaluate"]["bootstrap_block"],
        resamples_seed=SETTINGS["seed"],
        code=code_digest("train_on_features.py"),
    script:
        "../scripts/train_on_features.py"


# A learning curve: models trained on parts of the training rows. The networks themselves are not kept.
rule train_on_part:
    input:
        train="results/{dataset}/{fold}/train.h5",
        val="results/{dataset}/{fold}/val.h5",
        test="results/{dataset}/{fold}/test.h5",
        chosen=chosen_file,
        parent=parent_file,
        motifs=motif_files,
    output:
        part="results/{dataset}/{fold}/{model}/seed{seed}/learning_curve/{percent}.tsv",
    log:
        "logs/train_on_part/{dataset}/{fold}/{model}/seed{seed}/{percent}.log",
    benchmark:
        "benchmarks/train_on_part/{dataset}/{fold}/{model}/seed{seed}/{percent}.tsv"
    wildcard_constraints:
        model=any_of(NETWORKS),
    retries: 2
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        gpu=gpus,
        device=SETTINGS["train"]["device"],
        checkpoint_minutes=SETTINGS["train"]["checkpoint_minutes"],
        attempt=attempt_number,
    params:
        network=network_of,
        training=training_of,
        transfer=transfer_of,
        motifs=motif_layers,
        seed=seed_of,
        percent=percent_of,
        n_resamples=SETTINGS["evaluate"]["bootstrap_resamples"],
        block=SETTINGS["evaluate"]["bootstrap_block"],
        resamples_seed=SETTINGS["seed"],
        code=code_digest("train_on_part.py"),
    script:
        "../scripts/train_on_part.py"


rule fit_on_part:
    input:
        features="results/{dataset}/{fold}/{model}/seed{seed}/features.h5",
        parent=parent_file,
    output:
        part="results/{dataset}/{fold}/{model}/seed{seed}/learning_curve/{percent}.tsv",
    log:
        "logs/fit_on_part/{dataset}/{fold}/{model}/seed{seed}/{percent}.log",
    benchmark:
        "benchmarks/fit_on_part/{dataset}/{fold}/{model}/seed{seed}/{percent}.tsv"
    wildcard_constraints:
        model=any_of(FEATURE_MODELS),
    conda:
        "../envs/train.yaml"
    threads: 1
    params:
        estimator=estimator_of,
        seed=seed_of,
        percent=percent_of,
        n_resamples=SETTINGS["evaluate"]["bootstrap_resamples"],
        block=SETTINGS["evaluate"]["bootstrap_block"],
        resamples_seed=SETTINGS["seed"],
        code=code_digest("fit_on_part.py"),
    script:
        "../scripts/fit_on_part.py"


rule join_learning_curve:
    input:
        parts=curve_parts,
        whole=curve_whole,
        train="results/{dataset}/{fold}/train.h5",
    output:
        curve=report(
            "results/{dataset}/{fold}/learning_curve.tsv",
            category="{dataset}",
            labels={"table": "learning curve", "fold": "{fold}"},
            caption="../resources/report/captions/learning_curve.rst",
        ),
    log:
        "logs/join_learning_curve/{dataset}/{fold}.log",
    benchmark:
        "benchmarks/join_learning_curve/{dataset}/{fold}.tsv"
    conda:
        "../envs/train.yaml"
    params:
        seeds=curve_seeds,
        code=code_digest("join_learning_curve.py"),
    script:
        "../scripts/join_learning_curve.py"
