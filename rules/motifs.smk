# In: model.pt, test.h5 and the motif database. Out: .../filters.meme, filters.tsv and motif_matches.tsv.
# May go wrong: a network whose first layer is no convolution.


rule extract_filters:
    input:
        model="results/{dataset}/{fold}/{model}/seed{seed}/model.pt",
        test="results/{dataset}/{fold}/test.h5",
    output:
        meme="results/{dataset}/{fold}/{model}/seed{seed}/filters.meme",
        sites="results/{dataset}/{fold}/{model}/seed{seed}/filter_sites.tsv",
    log:
        "logs/extract_filters/{dataset}/{fold}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/extract_filters/{dataset}/{fold}/{model}/seed{seed}.tsv"
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


rule match_filters:
    input:
        meme="results/{dataset}/{fold}/{model}/seed{seed}/filters.meme",
        sites="results/{dataset}/{fold}/{model}/seed{seed}/filter_sites.tsv",
        database="results/reference/motifs.meme",
    output:
        matches="results/{dataset}/{fold}/{model}/seed{seed}/motif_matches.tsv",
        filters=report(
            "results/{dataset}/{fold}/{model}/seed{seed}/filters.tsv",
            category="{dataset}",
            subcategory="{model}",
            labels={"table": "filters", "fold": "{fold}", "seed": "{seed}"},
            caption="../resources/report/captions/filters.rst",
        ),
    log:
        "logs/match_filters/{dataset}/{fold}/{model}/seed{seed}.log",
    benchmark:
        "benchmarks/match_filters/{dataset}/{fold}/{model}/seed{seed}.tsv"
    conda:
        "../envs/motifs.yaml"
    threads: 1
    params:
        database_name=Path(SETTINGS["motifs"]["database"]).stem,
        q_value=SETTINGS["filters"]["match_q_value"],
        code=code_digest("match_filters.py"),
    script:
        "../scripts/match_filters.py"
