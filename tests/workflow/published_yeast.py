"""The yeast data as published, served from this machine: what the yeast example downloads, under other addresses.

The shared copies are the published peaks sorted and renamed; here they are turned back, byte for byte, so that the
checksums of the example's configuration hold.
"""

import functools
import http.server
import re
import shutil
import threading
from contextlib import contextmanager

ROMAN = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI"]
PUBLISHED_NAME = {f"chr{roman}": f"chr{number}" for number, roman in enumerate(ROMAN, start=1)}
GENOME_URL = "https://hgdownload.soe.ucsc.edu/goldenPath/sacCer3/bigZips/"
PEAKS_URL = "https://raw.githubusercontent.com/CEGRcode/2021-Rossi_Nature/"


def published_peaks(text):
    """Peaks as published: strongest first, Arabic names, the coordinates as names."""
    rows = [line.split("\t") for line in text.splitlines()]
    rows.sort(key=lambda row: int(re.search(r"peak(\d+)", row[3])[1]))
    return "".join(
        f"{PUBLISHED_NAME[chrom]}\t{start}\t{end}\t{PUBLISHED_NAME[chrom]}_{start}_{end}\t{score}\t.\n"
        for chrom, start, end, _, score, _ in rows
    )


def lay_out(shared, folder):
    """Write the files under the paths that the example's addresses end with (the commit is left out)."""
    (folder / "genome").mkdir(parents=True)
    (folder / "peaks/04_ChExMix_Peaks").mkdir(parents=True)
    (folder / "peaks/02_References_and_Features_Files").mkdir(parents=True)
    shutil.copyfile(shared / "yeast/sacCer3.fa.gz", folder / "genome/sacCer3.fa.gz")
    for factor in ("Reb1", "Abf1", "Rap1"):
        text = published_peaks((shared / f"yeast/peaks/{factor}.bed").read_text())
        (folder / f"peaks/04_ChExMix_Peaks/{factor}_CX.bed").write_text(text)
    regions = (shared / "yeast/sacCer3_rossi2021_filter.bed").read_text()
    regions = re.sub(r"^chr[IVX]+", lambda name: PUBLISHED_NAME[name[0]], regions, flags=re.MULTILINE)
    regions += "chrM\t1\t85779\nchr2-micron\t1\t6318\n"
    (folder / "peaks/02_References_and_Features_Files/ChExMix_Peak_Filter_List_190612.bed").write_text(regions)


class WithoutCommit(http.server.SimpleHTTPRequestHandler):
    """Serves /peaks/<commit>/<path> as /peaks/<path>, quietly."""

    def translate_path(self, path):
        return super().translate_path(re.sub(r"^/peaks/[0-9a-f]{40}/", "/peaks/", path))

    def log_message(self, *args):
        pass


@contextmanager
def served(shared, folder):
    """Serve the data on this machine; yields the `mirrors` of the configuration."""
    lay_out(shared, folder)
    handler = functools.partial(WithoutCommit, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        base = f"http://127.0.0.1:{server.server_port}"
        try:
            yield {GENOME_URL: f"{base}/genome/", PEAKS_URL: f"{base}/peaks/"}
        finally:
            server.shutdown()
