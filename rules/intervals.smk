# In: peak files and the genome. Out: results/{dataset}/: windows with a label a target, and what became of every peak;
# per fold train, val and test as BED with negatives. May go wrong: bad peak files, other assemblies, too few negatives.


rule make_windows:
    input:
        peaks=peak_files,
        aliases=ALIASES_FILE,
        sizes=f"results/reference/{GENOME}/chrom.sizes",
        excluded=f"results/reference/{GENOME}/excluded.bed",
        fasta=f"results/reference/{GENOME}/genome.fa",
        index=f"results/reference/{GENOME}/genome.fa.fai",
    output:
        windows="results/{dataset}/windows.tsv",
        report=report(
            "results/{dataset}/windows_report.tsv",
            category="{dataset}",
            subcategory="data",
            labels={"table": "peaks kept and dropped"},
            caption="../resources/report/captions/windows.rst",
        ),
        peaks="results/{dataset}/peaks.bed",
    log:
        "logs/make_windows/{dataset}.log",
    benchmark:
        "benchmarks/make_windows/{dataset}.tsv"
    conda:
        "../envs/intervals.yaml"
    params:
        targets=targets_of,
        sha256=peak_checksums,
        windows=WINDOWS,
        code=code_digest("make_windows.py"),
    script:
        "../scripts/make_windows.py"


rule split_windows:
    input:
        windows="results/{dataset}/windows.tsv",
        peaks="results/{dataset}/peaks.bed",
        sizes=f"results/reference/{GENOME}/chrom.sizes",
        excluded=f"results/reference/{GENOME}/excluded.bed",
        fasta=f"results/reference/{GENOME}/genome.fa",
        index=f"results/reference/{GENOME}/genome.fa.fai",
    output:
        train="results/{dataset}/{fold}/train.bed",
        val="results/{dataset}/{fold}/val.bed",
        test="results/{dataset}/{fold}/test.bed",
        report=report(
            "results/{dataset}/{fold}/split_report.tsv",
            category="{dataset}",
            subcategory="data",
            labels={"table": "windows per split ({fold})"},
            caption="../resources/report/captions/splits.rst",
        ),
    log:
        "logs/split_windows/{dataset}/{fold}.log",
    benchmark:
        "benchmarks/split_windows/{dataset}/{fold}.tsv"
    conda:
        "../envs/intervals.yaml"
    params:
        fold=fold_of,
        targets=targets_of,
        settings={
            "length": WINDOWS["length"],
            "max_jitter": WINDOWS["max_jitter"],
            "max_n_fraction": WINDOWS["max_n_fraction"],
            **SETTINGS["negatives"],
        },
        seed=SETTINGS["seed"],
        code=code_digest("split_windows.py"),
    script:
        "../scripts/split_windows.py"
