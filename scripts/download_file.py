"""A file of the configuration that is a URL, downloaded and checked."""

from cisflow.downloads import download
from cisflow.messages import run_script


def main(url, sha256, mirrors, output):
    """Download `url` to `output`; see `cisflow.downloads.download`."""
    download(url, sha256, output, mirrors)


if __name__ == "__main__":
    with run_script(snakemake):
        main(snakemake.params.url, snakemake.params.sha256, snakemake.params.mirrors, snakemake.output.file)
