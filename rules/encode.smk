# In: one split's windows and the genome. Out: results/{dataset}/{fold}/{split}.h5, one-hot sequences with labels.
# May go wrong: a full disk; memory, about four bytes a base of all windows of the split.


rule encode_split:
    input:
        bed="results/{dataset}/{fold}/{split}.bed",
        fasta=f"results/reference/{GENOME}/genome.fa",
        index=f"results/reference/{GENOME}/genome.fa.fai",
        sha256=f"results/reference/{GENOME}/genome.fa.sha256",
    output:
        split="results/{dataset}/{fold}/{split}.h5",
    log:
        "logs/encode_split/{dataset}/{fold}/{split}.log",
    benchmark:
        "benchmarks/encode_split/{dataset}/{fold}/{split}.tsv"
    conda:
        "../envs/encode.yaml"
    threads: 2
    params:
        targets=targets_of,
        attributes=split_attributes,
        code=code_digest("encode_split.py"),
    script:
        "../scripts/encode_split.py"
