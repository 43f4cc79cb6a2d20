# In: the section `planted` of the configuration, perhaps a motif database; filters and their sites of a trained network.
# Out: results/planted/{planted}/: sequences, sites, motifs and what is known of the targets; what a network found of them.
# May go wrong: more motifs than fit into a sequence.


rule plant_motifs:
    input:
        database=planted_database,
    output:
        sequences="results/planted/{planted}/sequences.tsv",
        sites="results/planted/{planted}/sites.tsv",
        motifs="results/planted/{planted}/motifs.meme",
        truth="results/planted/{planted}/truth.tsv",
    log:
        "logs/plant_motifs/{planted}.log",
    benchmark:
        "benchmarks/plant_motifs/{planted}.tsv"
    wildcard_constraints:
        planted=any_of(SETTINGS["planted"]),
    conda:
        "../envs/planted.yaml"
    params:
        settings=planted_settings,
        code=code_digest("plant_motifs.py"),
    script:
        "../scripts/plant_motifs.py"


rule evaluate_planted:
    input:
        motifs=planted_file("motifs.meme"),
        sites=planted_file("sites.tsv"),
        sequences=planted_file("sequences.tsv"),
        test="results/{dataset}/{fold}/test.bed",
        filters="results/{dataset}/{fold}/{model}/{run}/filters.meme",
        statuses="results/{dataset}/{fold}/{model}/{run}/filters.tsv",
        filter_sites="results/{dataset}/{fold}/{model}/{run}/sites.bed.gz",
        database="results/reference/motifs.meme",
    output:
        found=report(
            "results/{dataset}/{fold}/{model}/{run}/planted_found.tsv",
            category="{dataset}",
            subcategory="{model}",
            labels={"table": "planted motifs", "fold": "{fold}", "run": "{run}"},
            caption="../resources/report/captions/planted.rst",
        ),
    log:
        "logs/evaluate_planted/{dataset}/{fold}/{model}/{run}.log",
    benchmark:
        "benchmarks/evaluate_planted/{dataset}/{fold}/{model}/{run}.tsv"
    wildcard_constraints:
        dataset=any_of(PLANTED_DATASETS),
    conda:
        "../envs/planted.yaml"
    threads: 1
    params:
        database_name=DATABASE_NAME,
        code=code_digest("evaluate_planted.py"),
    script:
        "../scripts/evaluate_planted.py"
