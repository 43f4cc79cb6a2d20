# In: peak files or tables of sequences, and the genome. Out: results/{dataset}/: labelled windows and what became of every
# peak; per fold train, val and test as BED with negatives, and the leakage audit. May go wrong: bad files, too few rows.


rule make_windows:
    input:
        peaks=sheet_files("peaks"),
        weak_peaks=sheet_files("weak_peaks"),
        signal=sheet_files("signal"),
        aliases=ALIASES_FILE,
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
        overlaps="results/{dataset}/label_overlaps.tsv",
        peaks="results/{dataset}/peaks.bed",
    log:
        "logs/make_windows/{dataset}.log",
    benchmark:
        "benchmarks/make_windows/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(OF_PEAKS),
    conda:
        "../envs/intervals.yaml"
    params:
        rows=sheet_rows("peaks", "weak_peaks", "signal", "value", "rank_by", "top", "min_score"),
        task=task_of,
        windows=windows_settings,
        signals=signal_settings,
        code=code_digest("make_windows.py"),
    script:
        "../scripts/make_windows.py"


rule read_sequences:
    input:
        sequences=sheet_files("sequences"),
    output:
        windows="results/{dataset}/windows.tsv",
        report=report(
            "results/{dataset}/windows_report.tsv",
            category="{dataset}",
            subcategory="data",
            labels={"table": "sequences kept and dropped"},
            caption="../resources/report/captions/windows.rst",
        ),
        overlaps="results/{dataset}/label_overlaps.tsv",
    log:
        "logs/read_sequences/{dataset}.log",
    benchmark:
        "benchmarks/read_sequences/{dataset}.tsv"
    wildcard_constraints:
        dataset=any_of(OF_SEQUENCES),
    conda:
        "../envs/intervals.yaml"
    params:
        rows=sheet_rows("sequences", "value"),
        settings=sequence_settings,
        code=code_digest("read_sequences.py"),
    script:
        "../scripts/read_sequences.py"


rule pool_peaks:
    input:
        peaks=expand("results/{dataset}/peaks.bed", dataset=OF_PEAKS),
    output:
        peaks="results/reference/pooled_peaks.bed",
    log:
        "logs/pool_peaks/pooled.log",
    benchmark:
        "benchmarks/pool_peaks/pooled.tsv"
    conda:
        "../envs/intervals.yaml"
    params:
        datasets=OF_PEAKS,
        code=code_digest("pool_peaks.py"),
    script:
        "../scripts/pool_peaks.py"


rule split_windows:
    input:
        windows="results/{dataset}/windows.tsv",
        peaks="results/{dataset}/peaks.bed",
        excluded=f"results/reference/{GENOME}/excluded.bed",
        fasta=f"results/reference/{GENOME}/genome.fa",
        index=f"results/reference/{GENOME}/genome.fa.fai",
        aliases=ALIASES_FILE,
        signal=sheet_files("signal"),
        negatives=sheet_files("negatives"),
        pool=pool_file,
    output:
        train="results/{dataset}/{fold}/train.bed",
        val="results/{dataset}/{fold}/val.bed",
        test="results/{dataset}/{fold}/test.bed",
        groups="results/{dataset}/{fold}/groups.tsv",
        report=report(
            "results/{dataset}/{fold}/split_report.tsv",
            category="{dataset}",
            subcategory="data",
            labels={"table": "windows per split ({fold})"},
            caption="../resources/report/captions/splits.rst",
        ),
        leakage=report(
            "results/{dataset}/{fold}/leakage.tsv",
            category="{dataset}",
            subcategory="data",
            labels={"table": "leakage between splits ({fold})"},
            caption="../resources/report/captions/leakage.rst",
        ),
        distributions="results/{dataset}/{fold}/distributions.tsv",
        negatives="results/{dataset}/{fold}/negatives_report.tsv",
        balance="results/{dataset}/{fold}/balance.tsv",
        scaling="results/{dataset}/{fold}/target_scaling.tsv",
    log:
        "logs/split_windows/{dataset}/{fold}.log",
    benchmark:
        "benchmarks/split_windows/{dataset}/{fold}.tsv"
    wildcard_constraints:
        dataset=any_of(OF_PEAKS),
    conda:
        "../envs/intervals.yaml"
    threads: 2
    params:
        fold=fold_of,
        rows=sheet_rows("signal", "negatives"),
        settings=splits_settings,
        seed=SETTINGS["seed"],
        code=code_digest("split_windows.py"),
    script:
        "../scripts/split_windows.py"


rule split_sequences:
    input:
        windows="results/{dataset}/windows.tsv",
    output:
        train="results/{dataset}/{fold}/train.bed",
        val="results/{dataset}/{fold}/val.bed",
        test="results/{dataset}/{fold}/test.bed",
        groups="results/{dataset}/{fold}/groups.tsv",
        report=report(
            "results/{dataset}/{fold}/split_report.tsv",
            category="{dataset}",
            subcategory="data",
            labels={"table": "sequences per split ({fold})"},
            caption="../resources/report/captions/splits.rst",
        ),
        leakage=report(
            "results/{dataset}/{fold}/leakage.tsv",
            category="{dataset}",
            subcategory="data",
            labels={"table": "leakage between splits ({fold})"},
            caption="../resources/report/captions/leakage.rst",
        ),
        distributions="results/{dataset}/{fold}/distributions.tsv",
        negatives="results/{dataset}/{fold}/negatives_report.tsv",
        balance="results/{dataset}/{fold}/balance.tsv",
        scaling="results/{dataset}/{fold}/target_scaling.tsv",
    log:
        "logs/split_sequences/{dataset}/{fold}.log",
    benchmark:
        "benchmarks/split_sequences/{dataset}/{fold}.tsv"
    wildcard_constraints:
        dataset=any_of(OF_SEQUENCES),
    conda:
        "../envs/intervals.yaml"
    threads: 2
    params:
        fold=fold_of,
        targets=targets_of,
        settings=splits_settings,
        seed=SETTINGS["seed"],
        code=code_digest("split_sequences.py"),
    script:
        "../scripts/split_sequences.py"
