"""The filters of one network that say the same, by the similarity of their PWMs."""

import pandas as pd

from cisflow.filter_clusters import SIMILARITY, align_pwms, cluster_pwms, representatives
from cisflow.meme import read_meme
from cisflow.messages import run_script

COLUMNS = ["filter", "cluster", "n_filters", "representative", "similarity", "offset", "orientation"]


def main(meme_path, sites_path, similarity, clusters_output):
    """Write the cluster of every filter that has a PWM.

    Parameters
    ----------
    meme_path, sites_path : str
        PWMs of the filters that have one; status of all.
    similarity : float
        See `cisflow.filter_clusters.cluster_pwms`.
    clusters_output : str
        `similarity`, `offset` and `orientation` say how the filter lies on the representative of its cluster.
    """
    has_pwms = (pd.read_csv(sites_path, sep="\t")["status"] == "ok").any()
    motifs = list(read_meme(meme_path).values()) if has_pwms else []
    alignments = align_pwms([motif.pwm for motif in motifs])
    clusters = cluster_pwms(alignments, similarity)
    centre_of = representatives(alignments, clusters)
    rows = []
    for number, (motif, cluster) in enumerate(zip(motifs, clusters.tolist(), strict=True)):
        centre = centre_of[cluster]
        near, offset, is_reverse = (part[number, centre] for part in alignments)
        size, orientation = int((clusters == cluster).sum()), "-" if is_reverse else "+"
        rows.append((motif.identifier, cluster, size, motifs[centre].identifier, near, offset, orientation))
    table = pd.DataFrame(rows, columns=COLUMNS)
    table.to_csv(clusters_output, sep="\t", index=False, float_format="%.6g")
    print(f"{len(table)} PWMs in {table['cluster'].nunique()} clusters (mean similarity at least {similarity:g})")


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.meme,
            snakemake.input.sites,
            snakemake.params.get("similarity", SIMILARITY),
            snakemake.output.clusters,
        )
