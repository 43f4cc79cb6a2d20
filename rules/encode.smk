# In: one split's rows, the genome, signal tracks. Out: results/{dataset}/{fold}/{split}.h5, one-hot sequences with labels
# and perhaps tracks. May go wrong: a full disk; bigWigs of another assembly.


rule encode_split:
    input:
        bed="results/{dataset}/{fold}/{split}.bed",
        scaling="results/{dataset}/{fold}/target_scaling.tsv",
        fasta=genome_result("genome.fa"),
        index=genome_result("genome.fa.fai"),
        sha256=genome_result("genome.fa.sha256"),
        aliases=track_aliases,
        signal=track_files,
    output:
        split="results/{dataset}/{fold}/{split}.h5",
    log:
        "logs/encode_split/{dataset}/{fold}/{split}.log",
    benchmark:
        "benchmarks/encode_split/{dataset}/{fold}/{split}.tsv"
    conda:
        "../envs/encode.yaml"
    params:
        targets=targets_of,
        tracks=track_rows,
        track_settings=track_settings,
        attributes=split_attributes,
        code=code_digest("encode_split.py"),
    script:
        "../scripts/encode_split.py"
