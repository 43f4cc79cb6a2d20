# In: a genome, excluded regions, a motif database; paths or URLs. Out: results/reference/: an indexed genome, its sizes,
# excluded regions merged, the database checked. May go wrong: downloads, checksums, files that are not what they claim.


rule download_file:
    output:
        file="results/reference/downloads/{download}",
    log:
        "logs/download_file/{download}.log",
    benchmark:
        "benchmarks/download_file/{download}.tsv"
    conda:
        "../envs/reference.yaml"
    params:
        url=download_url,
        sha256=download_checksums,
        mirrors=SETTINGS["mirrors"],
        code=code_digest("download_file.py"),
    script:
        "../scripts/download_file.py"


# Seconds of work, before anything else: on a cluster it runs where Snakemake was started.
localrules:
    check_inputs,


# The first job of a run, by its priority, and alone, by its threads. The others do not have its table for an input: they
# would all run again when one file has changed (and with `ancient` Snakemake leaves out jobs whose outputs are missing).
rule check_inputs:
    input:
        files=ALL_FILES,
    output:
        table="results/reference/inputs.tsv",
    log:
        "logs/check_inputs/inputs.log",
    benchmark:
        "benchmarks/check_inputs/inputs.tsv"
    priority: 1000
    conda:
        "../envs/intervals.yaml"
    # `workflow.cores` is an error where no --cores is given: on a cluster, and for --rulegraph and its like.
    threads: workflow.resource_settings.cores or 1
    params:
        inputs=INPUTS_FILE,
        code=code_digest("check_inputs.py"),
    script:
        "../scripts/check_inputs.py"


rule prepare_genome:
    input:
        fasta=FASTA_FILE,
    output:
        fasta="results/reference/{genome}/genome.fa",
        index="results/reference/{genome}/genome.fa.fai",
        sizes="results/reference/{genome}/chrom.sizes",
        sha256="results/reference/{genome}/genome.fa.sha256",
    log:
        "logs/prepare_genome/{genome}.log",
    benchmark:
        "benchmarks/prepare_genome/{genome}.tsv"
    conda:
        "../envs/reference.yaml"
    params:
        sha256=genome_checksums("fasta"),
        code=code_digest("prepare_genome.py"),
    script:
        "../scripts/prepare_genome.py"


rule prepare_excluded:
    input:
        excluded=EXCLUDED_FILE,
        aliases=ALIASES_FILE,
        sizes="results/reference/{genome}/chrom.sizes",
    output:
        bed="results/reference/{genome}/excluded.bed",
    log:
        "logs/prepare_excluded/{genome}.log",
    benchmark:
        "benchmarks/prepare_excluded/{genome}.tsv"
    conda:
        "../envs/intervals.yaml"
    params:
        sha256=genome_checksums("excluded"),
        code=code_digest("prepare_excluded.py"),
    script:
        "../scripts/prepare_excluded.py"


rule prepare_motifs:
    input:
        databases=MOTIF_FILES,
    output:
        database="results/reference/motifs.meme",
        origins="results/reference/motif_origins.tsv",
    log:
        "logs/prepare_motifs/motifs.log",
    benchmark:
        "benchmarks/prepare_motifs/motifs.tsv"
    conda:
        "../envs/reference.yaml"
    params:
        names=MOTIF_DATABASES,
        sha256=MOTIFS["database_sha256"],
        code=code_digest("prepare_motifs.py"),
    script:
        "../scripts/prepare_motifs.py"
