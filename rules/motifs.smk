# In: model.pt, test.h5 and the motif database. Out: .../filters.meme, sites.bed.gz, filter_influence.tsv, filters.tsv,
# motif_matches.tsv and calibration.tsv; motifs over seeds and folds; known motifs enriched in the training rows.
# May go wrong: a network whose first layer is no convolution.


rule extract_filters:
    input:
        model="results/{dataset}/{fold}/{model}/{run}/model.pt",
        test="results/{dataset}/{fold}/test.h5",
    output:
        meme="results/{dataset}/{fold}/{model}/{run}/filters.meme",
        sites="results/{dataset}/{fold}/{model}/{run}/filter_sites.tsv",
        places="results/{dataset}/{fold}/{model}/{run}/sites.bed.gz",
    log:
        "logs/extract_filters/{dataset}/{fold}/{model}/{run}.log",
    benchmark:
        "benchmarks/extract_filters/{dataset}/{fold}/{model}/{run}.tsv"
    conda:
        "../envs/motifs.yaml"
    threads: 1
    resources:
        device=INFERENCE_DEVICE,
    params:
        settings=PWM_SETTINGS,
        code=code_digest("extract_filters.py"),
    script:
        "../scripts/extract_filters.py"


rule measure_influence:
    input:
        model="results/{dataset}/{fold}/{model}/{run}/model.pt",
        test="results/{dataset}/{fold}/test.h5",
    output:
        influence="results/{dataset}/{fold}/{model}/{run}/filter_influence.tsv",
    log:
        "logs/measure_influence/{dataset}/{fold}/{model}/{run}.log",
    benchmark:
        "benchmarks/measure_influence/{dataset}/{fold}/{model}/{run}.tsv"
    conda:
        "../envs/motifs.yaml"
    threads: 1
    resources:
        device=INFERENCE_DEVICE,
    params:
        layer=SETTINGS["filters"]["layer"],
        max_rows=SETTINGS["filters"]["influence_rows"],
        seed=SETTINGS["seed"],
        code=code_digest("measure_influence.py"),
    script:
        "../scripts/measure_influence.py"


rule cluster_filters:
    input:
        meme="results/{dataset}/{fold}/{model}/{run}/filters.meme",
        sites="results/{dataset}/{fold}/{model}/{run}/filter_sites.tsv",
    output:
        clusters="results/{dataset}/{fold}/{model}/{run}/filter_clusters.tsv",
    log:
        "logs/cluster_filters/{dataset}/{fold}/{model}/{run}.log",
    benchmark:
        "benchmarks/cluster_filters/{dataset}/{fold}/{model}/{run}.tsv"
    conda:
        "../envs/motifs.yaml"
    params:
        similarity=SETTINGS["filters"]["similarity"],
        code=code_digest("cluster_filters.py"),
    script:
        "../scripts/cluster_filters.py"


rule join_filters:
    input:
        meme=joined_filters("filters.meme"),
        sites=joined_filters("filter_sites.tsv"),
        database="results/reference/motifs.meme",
    output:
        meme="results/{dataset}/{model}/consensus_motifs.meme",
        table=report(
            "results/{dataset}/{model}/consensus_motifs.tsv",
            category="{dataset}",
            subcategory="{model}",
            labels={"table": "motifs over seeds and folds"},
            caption="../resources/report/captions/consensus_motifs.rst",
        ),
    log:
        "logs/join_filters/{dataset}/{model}.log",
    benchmark:
        "benchmarks/join_filters/{dataset}/{model}.tsv"
    conda:
        "../envs/motifs.yaml"
    threads: 1
    params:
        runs=joined_runs,
        database_name=DATABASE_NAME,
        settings={key: SETTINGS["filters"][key] for key in ("similarity", "trim_information", "match_q_value")},
        code=code_digest("join_filters.py"),
    script:
        "../scripts/join_filters.py"


rule match_filters:
    input:
        meme="results/{dataset}/{fold}/{model}/{run}/filters.meme",
        sites="results/{dataset}/{fold}/{model}/{run}/filter_sites.tsv",
        database="results/reference/motifs.meme",
        origins="results/reference/motif_origins.tsv",
        influence="results/{dataset}/{fold}/{model}/{run}/filter_influence.tsv",
        clusters="results/{dataset}/{fold}/{model}/{run}/filter_clusters.tsv",
    output:
        matches="results/{dataset}/{fold}/{model}/{run}/motif_matches.tsv",
        filters=report(
            "results/{dataset}/{fold}/{model}/{run}/filters.tsv",
            category="{dataset}",
            subcategory="{model}",
            labels={"table": "filters", "fold": "{fold}", "run": "{run}"},
            caption="../resources/report/captions/filters.rst",
        ),
    log:
        "logs/match_filters/{dataset}/{fold}/{model}/{run}.log",
    benchmark:
        "benchmarks/match_filters/{dataset}/{fold}/{model}/{run}.tsv"
    conda:
        "../envs/motifs.yaml"
    threads: 1
    params:
        database_name=DATABASE_NAME,
        q_value=SETTINGS["filters"]["match_q_value"],
        bounds=INFORMATION_BOUNDS,
        code=code_digest("match_filters.py"),
    script:
        "../scripts/match_filters.py"


rule calibrate_matches:
    input:
        trained_meme="results/{dataset}/{fold}/{model}/seed{seed}/filters.meme",
        trained_sites="results/{dataset}/{fold}/{model}/seed{seed}/filter_sites.tsv",
        untrained_meme=untrained_filters("filters.meme"),
        untrained_sites=untrained_filters("filter_sites.tsv"),
        permuted_meme=permuted_filters("filters.meme"),
        permuted_sites=permuted_filters("filter_sites.tsv"),
        database="results/reference/motifs.meme",
    output:
        calibration=report(
            "results/{dataset}/{fold}/{model}/seed{seed}/calibration.tsv",
            category="{dataset}",
            subcategory="{model}",
            labels={"table": "calibration of matches", "fold": "{fold}", "run": "seed{seed}"},
            caption="../resources/report/captions/calibration.rst",
        ),
    log:
        "logs/calibrate_matches/{dataset}/{fold}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/calibrate_matches/{dataset}/{fold}/{model}/seed{seed}.tsv"
    conda:
        "../envs/motifs.yaml"
    threads: 1
    params:
        database_name=DATABASE_NAME,
        q_value=SETTINGS["filters"]["match_q_value"],
        bounds=INFORMATION_BOUNDS,
        n_shuffles=20,
        seed=SETTINGS["seed"],
        code=code_digest("calibrate_matches.py"),
    script:
        "../scripts/calibrate_matches.py"


rule enrich_motifs:
    input:
        train="results/{dataset}/{fold}/train.h5",
        database="results/reference/motifs.meme",
    output:
        enrichment=report(
            "results/{dataset}/{fold}/motif_enrichment.tsv",
            category="{dataset}",
            labels={"table": "motif enrichment", "fold": "{fold}"},
            caption="../resources/report/captions/motif_enrichment.rst",
        ),
    log:
        "logs/enrich_motifs/{dataset}/{fold}.log",
    benchmark:
        "benchmarks/enrich_motifs/{dataset}/{fold}.tsv"
    conda:
        "../envs/motifs.yaml"
    params:
        database_name=DATABASE_NAME,
        code=code_digest("enrich_motifs.py"),
    script:
        "../scripts/enrich_motifs.py"


# Nothing in `rule all` asks for it: `snakemake results/.../seed1/tomtom_differences.tsv` does, where Tomtom is installed.
rule compare_tomtom:
    input:
        meme="results/{dataset}/{fold}/{model}/{run}/filters.meme",
        database="results/reference/motifs.meme",
    output:
        differences="results/{dataset}/{fold}/{model}/{run}/tomtom_differences.tsv",
        summary="results/{dataset}/{fold}/{model}/{run}/tomtom_summary.tsv",
    log:
        "logs/compare_tomtom/{dataset}/{fold}/{model}/{run}.log",
    benchmark:
        "benchmarks/compare_tomtom/{dataset}/{fold}/{model}/{run}.tsv"
    conda:
        "../envs/motifs.yaml"
    threads: 1
    params:
        q_value=SETTINGS["filters"]["match_q_value"],
        bounds=INFORMATION_BOUNDS,
        code=code_digest("compare_tomtom.py"),
    script:
        "../scripts/compare_tomtom.py"
