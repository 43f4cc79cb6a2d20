"""What the sheet, the sheet of tracks and the configuration must not say against one another.

`rules/common.smk` loads this file by its path, before any job runs, so it imports nothing but the standard library.
Every check yields (where, found, expected, fix).
"""

OWN_TO_PEAKS = ("rank_by", "top", "min_score", "weak_peaks", "negatives", "signal")
BED_COLUMNS = ("score", "signalValue", "pValue", "qValue")


def task_of(row):
    """The task of a row of the sheet: as written, else by what its target is made of."""
    if row["task"]:
        return row["task"]
    return "binary" if row["peaks"] and not row["value"] and not row["signal"] else "regression"


def negatives_of(settings, dataset=None):
    """The section `negatives` of the configuration as it holds for one dataset, or for those that it does not name.

    `per_positive_training` is a number always: `per_positive` where it is not given.
    """
    wanted = settings["negatives"]
    found = {key: value for key, value in wanted.items() if key != "datasets"} | wanted["datasets"].get(dataset, {})
    if found.get("per_positive_training") is None:
        found["per_positive_training"] = found["per_positive"]
    return found


def takes_negatives(rows):
    """Whether negatives are drawn for a dataset: values that only its own rows have are unknown elsewhere."""
    return task_of(rows[0]) == "binary" or any(row["signal"] for row in rows)


def row_problems(row, where):
    """Mistakes within one row."""
    door = "peaks" if row["peaks"] else "sequences"
    if bool(row["peaks"]) == bool(row["sequences"]):
        both = "both `peaks` and `sequences`" if row["peaks"] else "neither `peaks` nor `sequences`"
        yield where, f"the row has {both}", "one of them", "name a peak file, or a table of sequences"
        return
    if door == "sequences":
        for column in OWN_TO_PEAKS:
            if row[column]:
                yield where, f"`{column}` beside `sequences`", "it in rows of peaks alone", f"empty the field {column}"
        return
    if row["value"] and row["signal"]:
        yield where, "both `value` and `signal`", "one source of the target's value", "empty one of the two fields"
    if row["task"] == "binary" and (row["value"] or row["signal"]):
        yield where, "task binary with `value` or `signal`", "labels alone", "say regression, or empty the field"
    if row["task"] == "regression" and not (row["value"] or row["signal"]):
        yield (
            where,
            "task regression without a value",
            "a column in `value` or a bigWig in `signal`",
            "fill one of them",
        )
    for column in ("value", "rank_by"):
        text = row[column]
        names = BED_COLUMNS if column == "value" else ("rank", *BED_COLUMNS)
        if text and text not in names and not (text.isascii() and text.isdecimal() and 4 <= int(text) <= 64):
            expected = f"one of {', '.join(names)}, or the number of a column from 4"
            yield where, f"{column} is {text!r}", expected, "mend the field"
    if row["top"] == "" and row["min_score"] == "" and row["rank_by"]:
        yield (
            where,
            "`rank_by` alone",
            "`top` or `min_score` beside it",
            "say how many peaks to keep, or from which score",
        )
    if row["min_score"] and row["rank_by"] in ("", "rank"):
        yield where, "`min_score` without a column", "a column in `rank_by`", "say which column holds the score"


def dataset_problems(rows, tracks, settings, sheet):
    """Check the rows against one another and against the configuration.

    Parameters
    ----------
    rows, tracks : list of dict
        See `cisflow.configuration.load_configuration`.
    settings : dict
        The configuration with its defaults.
    sheet : str
        Path of the sheet, for the messages.

    Yields
    ------
    tuple of str
        Where, what was found, what was expected, how to mend it.
    """
    datasets = {}
    for row in rows:
        yield from row_problems(row, f"{sheet}, line {row['line']}")
        datasets.setdefault(row["dataset"], []).append(row)
    peaks = [name for name, own in datasets.items() if own[0]["peaks"]]
    for name, own in datasets.items():
        where = f"{sheet}, line {own[-1]['line']}"
        of_peaks, tasks = {bool(row["peaks"]) for row in own}, sorted({task_of(row) for row in own})
        if len(of_peaks) > 1:
            yield where, f"dataset {name} has rows of peaks and of sequences", "one kind", "make two datasets of them"
        if len(tasks) > 1:
            yield (
                where,
                f"dataset {name} has targets of tasks {' and '.join(tasks)}",
                "one task a dataset",
                "make two datasets of them, or mend the fields task, value and signal",
            )
        if not own[0]["peaks"]:
            files = sorted({row["sequences"] for row in own})
            if len(files) > 1:
                yield (
                    where,
                    f"dataset {name} names {len(files)} tables",
                    "one table",
                    "join them into one, a column a target",
                )
            if settings["tracks"]["sheet"] and any(row["dataset"] in (name, "*") for row in tracks):
                yield (
                    where,
                    f"tracks for dataset {name} of sequences",
                    "tracks for peaks alone",
                    "name datasets in the sheet",
                )
            continue
        negatives = negatives_of(settings, name)
        empty = [key for key in ("per_positive", "per_positive_training") if not negatives[key]]
        if empty and len(own) == 1 and tasks == ["binary"]:
            yield (
                where,
                f"dataset {name} has one target of labels, and negatives.{empty[0]} is 0",
                "rows labelled 0",
                f"raise negatives.{empty[0]}, or give the dataset other targets, whose sites are negatives",
            )
        if len(empty) < 2 and takes_negatives(own):
            has_tracks = any(row["dataset"] in (name, "*") for row in tracks)
            yield from negative_problems(name, own, negatives["kinds"], peaks, where, has_tracks)
    if peaks:
        yield from genome_problems(peaks, settings, f"{sheet}, line {datasets[peaks[0]][0]['line']}")
    if settings["targets"]["transform"] == ["z_score", "log1p"]:
        yield (
            "targets.transform",
            "[z_score, log1p]",
            "[log1p, z_score]",
            "swap them: a z-score below -1 has no logarithm",
        )
    low, high = settings["negatives"]["flank_distance"]
    if low > high:
        yield "negatives.flank_distance", f"[{low}, {high}]", "the smaller number first", "swap them"
    for name in settings["negatives"]["datasets"]:
        if name not in datasets:
            expected = f"one of {', '.join(datasets)}"
            yield "negatives.datasets", f"{sheet} has no dataset {name!r}", expected, "mend the name, or remove it"
    yield from across_problems(datasets, settings, sheet)
    yield from track_problems(tracks, datasets, settings)


def across_problems(datasets, settings, sheet):
    """Groups of datasets whose networks cannot be tested on one another's rows."""
    where = "evaluate.across"
    for group in settings["evaluate"]["across"]:
        unknown = [name for name in group if name not in datasets]
        if unknown:
            expected = f"any of {', '.join(datasets)}"
            yield where, f"{sheet} has no dataset {', '.join(unknown)}", expected, "mend the name"
            continue
        kinds = {(tuple(row["target"] for row in datasets[name]), task_of(datasets[name][0])) for name in group}
        if len(kinds) > 1:
            yield (
                where,
                f"datasets {', '.join(group)} have other targets or tasks",
                "the same targets in the same order",
                "group datasets of the same targets alone",
            )
        if settings["folds"].get("by") == "cluster":
            yield (
                where,
                f"datasets {', '.join(group)} with folds by cluster, which are each dataset's own",
                "folds that put a row into the same split of every dataset",
                "name chromosomes under `folds`",
            )


def genome_problems(peaks, settings, where):
    """What datasets of peaks need and the configuration lacks; told once, however many they are."""
    folds, names = settings["folds"], ", ".join(peaks[:5]) + (f", ... ({len(peaks)} in all)" if len(peaks) > 5 else "")
    if not settings.get("genome"):
        yield where, f"peaks of {names}, but no `genome`", "genome.name and genome.fasta", "add them"
    if "column" in folds or folds.get("by") == "cluster":
        how = "a column" if "column" in folds else "clusters"
        yield where, f"peaks of {names}, but folds by {how}", "folds of chromosomes", "name chromosomes under `folds`"


def negative_problems(name, rows, kinds, peaks, where, has_tracks):
    """Kinds of negatives that a dataset cannot have."""
    if "bed" in kinds and not any(row["negatives"] for row in rows):
        yield (
            where,
            f"negatives of kind bed, but no file for dataset {name}",
            "a file in the field `negatives`",
            "name one",
        )
    if "bed" not in kinds and any(row["negatives"] for row in rows):
        yield (
            where,
            f"a file in the field `negatives` of dataset {name}, but no negatives of kind bed",
            "both or neither",
            "add bed to negatives.kinds, or empty the field",
        )
    if "other_peaks" in kinds and len(peaks) < 2:
        yield (
            where,
            "negatives of kind other_peaks with a single dataset",
            "two or more datasets of peaks",
            "add a dataset",
        )
    if "dinucleotide_shuffle" in kinds and any(row["signal"] for row in rows):
        yield (
            where,
            f"shuffles for dataset {name}, whose signal is measured",
            "negatives of the genome",
            "drop that kind",
        )
    if "dinucleotide_shuffle" in kinds and has_tracks:
        yield where, "shuffles beside signal tracks, which they have not", "negatives of the genome", "drop that kind"


def track_problems(tracks, datasets, settings):
    """Tracks of no dataset, and bins that do not fill the window."""
    sheet, width, size = (settings["tracks"][key] for key in ("sheet", "width", "bin"))
    if not sheet:
        return
    for row in tracks:
        if row["dataset"] != "*" and row["dataset"] not in datasets:
            names = ", ".join(list(datasets)[:10])
            yield (
                f"{sheet}, line {row['line']}",
                f"no dataset {row['dataset']!r}",
                f"* or one of {names}",
                "mend the name",
            )
    of_all = {row["track"] for row in tracks if row["dataset"] == "*"}
    for row in tracks:
        if row["dataset"] != "*" and row["track"] in of_all:
            yield (
                f"{sheet}, line {row['line']}",
                f"track {row['track']!r} of dataset {row['dataset']}, which all datasets have already (*)",
                "each track of a dataset once",
                "remove one of the two rows, or rename the track",
            )
    if width % size:
        whole = max(width // size, 1) * size
        yield "tracks", f"width {width} is no multiple of bin {size}", "whole bins", f"take {whole}"
    if width < settings["windows"]["length"]:
        length = settings["windows"]["length"]
        yield "tracks", f"width {width} is less than windows.length ({length})", f"{length} or more", "widen it"
