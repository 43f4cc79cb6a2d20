"""Can this be believed? The checks of one network, each with its number, a verdict and a reading from the same rows.

A check has a `name`, a `figure` (its number as text), a `verdict` (a few words), a `state` that decides its colour
(`good`, `doubt`, `plain` or `unknown`), a `reading`, and an `advice` for those that are doubtful. What a dataset or
network lacks has no check.
"""

import math

from cisflow.report_check_tables import read_reliability, read_strata
from cisflow.report_nulls import SIGNIFICANT, TRAINED, largest_p, null_sentence, rate_text
from cisflow.report_numbers import (
    all_of,
    count_of,
    fixed,
    is_known,
    listed,
    percent,
    sentence,
    signed,
    signed_span,
    span,
    with_interval,
    words_of,
)
from cisflow.report_rows import matched_filters
from cisflow.report_scores import ALONE, BETTER, UNDECIDED, WORSE, behind_text, headline_rows, verdict_sentence
from cisflow.report_sentences import LIMITS
from cisflow.report_tables import read_scores

STRATA = {
    "gc": "by GC content",
    "similarity": "by likeness to training sequences",
    "strength": "by strength of the peak",
}


def network_checks(entry, model, scores, runs):
    """All checks of one network.

    Parameters
    ----------
    entry : dict
        Its dataset and fold, as from `cisflow.report_scores.with_scores`, with `leaks`.
    model : str
    scores : list of dict
        Its rows of `score_rows`.
    runs : list of dict
        Its seeds, with their `filter_row` and `planted`.

    Returns
    -------
    list of dict
    """
    ensemble = entry["ensembles"][model]
    [headline] = headline_rows(scores)
    targets = [row for row in scores if not row["is_mean"]]
    checks = [_baseline_check(headline, targets)]
    if ensemble.get("permuted_metrics"):
        checks.append(_permuted_check(read_scores(ensemble["permuted_metrics"]), headline, targets))
    checks.append(leakage_check(entry["leaks"]))
    checks.append(_seeds_check(headline))
    if ensemble.get("reliability") and entry["task"] == "binary":
        checks.append(_calibration_check(read_reliability(ensemble["reliability"]), ensemble["scores"], targets))
    if ensemble.get("strata"):
        rows = read_strata(ensemble["strata"], words_of(entry)["score"])
        checks += [
            _stratum_check(stratum, part, targets)
            for stratum in STRATA
            if (part := [row for row in rows if row["stratum"] == stratum])
        ]
    filter_rows = [run["filter_row"] for run in runs if run["filter_row"] and run["filter_row"]["calibration"]]
    if filter_rows:
        checks.append(_matches_check(filter_rows))
    planted = [run["planted"] for run in runs if run["planted"]]
    if planted:
        checks.append(planted_check(planted))
    return checks


def _check(key, name, figure, verdict, state, reading, advice=""):
    return {
        "key": key,
        "name": name,
        "figure": figure,
        "verdict": verdict,
        "state": state,
        "reading": reading,
        "advice": advice,
    }


def _scored(row):
    """The value of a row of a table with its interval."""
    return with_interval(row["value"], row["ci_low"], row["ci_high"])


# Scores -------------------------------------------------------------------------------------------------------------


def _baseline_check(headline, targets):
    """Whether the network beats every baseline, on every target."""
    verdicts = [row["verdict"] for row in targets]
    known = [row for row in headline["beside"] if is_known(row["score"])]
    word = next((word for word in ("", WORSE, UNDECIDED, ALONE) if word in verdicts), BETTER)
    behind = [f"{row['target']} {fixed(row['score'])}, {text}" for row in targets if (text := behind_text(row))]
    if len(targets) == 1:
        reading = sentence(f"{verdict_sentence(headline)}.") if headline["verdict"] else "It has no test score."
    else:
        better = [row for row in targets if row["verdict"] == BETTER]
        reading = f"Better than every baseline for {len(better)} of {len(targets)} targets."
        reading += f" {sentence(listed(behind))}." if behind else ""
        if headline["verdict"]:
            reading += f" The mean of the targets: {verdict_sentence(headline)}."
    figure = fixed(headline["score"])
    if known:
        first = known[0]
        interval = signed_span(first["difference_low"], first["difference_high"])
        figure = f"{signed(first['difference'])} ({interval}) beside {first['name']}"
    return _check(
        "baselines",
        "better than each baseline",
        figure,
        word or "no score",
        {BETTER: "good", "": "unknown", ALONE: "unknown"}.get(word, "doubt"),
        reading,
    )


def _permuted_check(permuted, headline, targets):
    """Whether the network that was trained on permuted labels guesses."""
    words = words_of(headline)
    guess = words["guess"]
    rows = {row["target"]: permuted.get((row["target"], words["score"])) for row in [*targets, headline]}
    rows = {target: row for target, row in rows.items() if row and is_known(row["value"]) and is_known(row["ci_low"])}
    off = {name: row for name, row in rows.items() if not row["ci_low"] <= guess <= row["ci_high"]}
    name = "a network trained on permuted labels guesses"
    if headline["target"] not in rows:
        return _check("permuted", name, fixed(math.nan), "not known", "unknown", "It has no test score.")
    row = rows[headline["target"]]
    figure = _scored(row)
    of_mean = " as the mean of the targets" if headline["is_mean"] else ""
    begin = f"Trained on labels in random order, the same network reaches {words['name']} {figure}{of_mean}"
    within = f"{guess:g}, which a guess reaches,"
    if not off:
        also = " in this interval and in that of every target" if len(targets) > 1 else " in this interval"
        return _check("permuted", name, figure, "at chance", "good", f"{begin}; {within} lies{also}.")
    cases = listed(
        f"{'mean of the targets' if target == 'mean' else target} {_scored(row)}" for target, row in off.items()
    )
    above = any(row["ci_low"] > guess for row in off.values())
    return _check(
        "permuted",
        name,
        figure,
        "above chance" if above else "below chance",
        "doubt",
        f"{begin}; {within} lies outside the interval of {cases}.",
        "One such training may follow base composition by luck, to either side of a guess; well above it, what is "
        "tested here is not what was learned: look for leaks, and repeat it with another first seed.",
    )


def leakage_check(leaks):
    """Whether rows of one split stand in another.

    Parameters
    ----------
    leaks : list of dict
        As from `cisflow.report_tables.read_leaks`.

    Returns
    -------
    dict
    """
    found, left = (int(sum(row[name] for row in leaks)) for name in ("found", "left"))
    kinds = all_of(dict.fromkeys(row["kind"].replace("_", "-") for row in leaks))
    in_test = int(sum(row["left"] for row in leaks if "test" in (row["split"], row["other_split"])))
    reading = f"Looked for between all splits: {kinds}; {count_of(found, 'row')} found, {found - left:,} dropped"
    reading += f", {left:,} left, {in_test:,} of them between test and another split." if left else ", none left."
    return _check(
        "leakage",
        "no row of one split stands in another",
        f"{count_of(left, 'row')} left",
        "leaks left" if left else "clean",
        "doubt" if left else "good",
        reading,
    )


def _seeds_check(headline):
    """Whether another start gives much the same score."""
    words = words_of(headline)
    scores = [seed["score"] for seed in headline["seeds"] if is_known(seed["score"])]
    name = "another start gives much the same"
    if len(scores) < 2:
        text = "Trained once: how much of the score is luck of the start is not known."
        return _check("seeds", name, count_of(len(headline["seeds"]), "seed"), "not known", "unknown", text)
    spread = headline["seed_high"] - headline["seed_low"]
    is_stable = spread <= LIMITS["seed_spread"]
    return _check(
        "seeds",
        name,
        f"{span(headline['seed_low'], headline['seed_high'])}",
        "stable" if is_stable else "unstable",
        "good" if is_stable else "doubt",
        f"{len(scores)} seeds reach {words['name']} {span(headline['seed_low'], headline['seed_high'])}, mean "
        f"{fixed(headline['seed_mean'])}, "
        f"{fixed(spread)} apart (a doubt from {LIMITS['seed_spread']:g}); the mean of their predictions reaches "
        f"{fixed(headline['score'])}.",
    )


# Probabilities ------------------------------------------------------------------------------------------------------


def bins_off(bins):
    """Bins of a reliability curve whose observed share cannot be what was predicted.

    Parameters
    ----------
    bins : list of dict
        Of `read_reliability`.

    Returns
    -------
    off : int
        Bins whose interval leaves out their mean prediction.
    by_chance : bool
        Whether as many of perfect probabilities would be no surprise (probability of 5 % or more), each interval
        leaving its share out in 5 % of cases.
    """
    off = sum(not row["ci_low"] <= row["mean_predicted"] <= row["ci_high"] for row in bins)
    # Probability of fewer: the binomial distribution.
    fewer = math.fsum(math.comb(len(bins), k) * 0.05**k * 0.95 ** (len(bins) - k) for k in range(off))
    return off, 1 - fewer >= SIGNIFICANT


def reliability_sentence(bins, error):
    """What a reliability curve says, in words.

    Parameters
    ----------
    bins : list of dict
        Of one target.
    error : float
        Its expected calibration error.

    Returns
    -------
    str
        Without a full stop.
    """
    off, _ = bins_off(bins)
    n = sum(row["n"] for row in bins)
    predicted, observed = (
        math.fsum(row[name] * row["n"] for row in bins) / n for name in ("mean_predicted", "observed")
    )
    text = (
        f"predictions lie {fixed(error)} from the observed shares on average; in {len(bins) - off} of "
        f"{count_of(len(bins), 'bin')} the interval of the observed share holds the mean prediction"
    )
    if abs(predicted - observed) > LIMITS["mean_probability"]:
        way = "too high" if predicted > observed else "too low"
        text += f"; as a whole they are {way}, {fixed(predicted)} where {fixed(observed)} are positive"
    return text


def calibration_word(bins, error):
    """`calibrated` where no more bins are off than by chance, `nearly` where they are by little, else `off`."""
    if bins_off(bins)[1]:
        return "calibrated"
    return "nearly calibrated" if error <= LIMITS["calibration_error"] else "not calibrated"


def _calibration_check(bins_of, scores, targets):
    """Whether probabilities are as often right as they say, for the target where they are furthest off."""
    errors = {row["target"]: scores.get((row["target"], "calibration_error"), {"value": math.nan}) for row in targets}
    known = {target: errors[target]["value"] for target in bins_of if is_known(errors[target]["value"])}
    name = "probabilities are as often right as they say"
    if not known:
        text = "The predictions are no probabilities, or too few."
        return _check("calibration", name, fixed(math.nan), "not known", "unknown", text)
    words = {target: calibration_word(bins_of[target], error) for target, error in known.items()}
    worst = max(known, key=known.get)
    order = ["not calibrated", "nearly calibrated", "calibrated"]
    word = min(words.values(), key=order.index)
    off = [target for target, found in words.items() if found == word]
    of = f"{worst}, furthest off: " if len(known) > 1 else ""
    reading = sentence(f"{of}{reliability_sentence(bins_of[worst], known[worst])}.")
    if len(known) > 1:
        reading += f" {sentence(word)}: {listed(off, 12)}."
    return _check(
        "calibration",
        name,
        f"error {fixed(known[worst])}" + (f" ({worst})" if len(known) > 1 else ""),
        word,
        "doubt" if word == "not calibrated" else "good",
        reading + " This holds for the share of positives among these test rows; elsewhere they are rarer as a rule.",
        "Do not read the outputs as probabilities; ranks and AUROC are not concerned. Class weights raise them by "
        "design.",
    )


# Parts of the test rows ---------------------------------------------------------------------------------------------


def level_text(row):
    """A level of a stratum in words: `GC 0.31–0.42`."""
    ends = f"{fixed(row['low'], 2)}–{fixed(row['high'], 2)}"
    if row["stratum"] == "strength":
        return {"low": "weakest third", "middle": "middle third", "high": "strongest third"}[row["level"]]
    if row["stratum"] == "gc":
        return f"GC {ends}"
    return f"{fixed(100 * row['low'], 0)}–{fixed(100 * row['high'], 0)} % alike"


def is_lower(row, whole):
    """Whether the score of a level lies below that of all rows, its whole interval with it."""
    return is_known(row["value"]) and is_known(row["ci_high"]) and row["ci_high"] < whole


def _stratum_check(stratum, rows, targets):
    """Where the score drops along one stratum."""
    words, wholes = words_of(targets[0]), {row["target"]: row["score"] for row in targets}
    known = [row for row in rows if is_known(row["value"]) and is_known(wholes.get(row["target"], math.nan))]
    name = f"the score holds {STRATA[stratum]}"
    few = [row for row in rows if not is_known(row["value"])]
    left_out = f" Too few rows of either class: {listed(_few_texts(few, targets))}." if few else ""
    if not known:
        return _check(stratum, name, fixed(math.nan), "not known", "unknown", left_out.strip())
    low = [row for row in known if is_lower(row, wholes[row["target"]])]
    lowest = min(known, key=lambda row: row["value"] - wholes[row["target"]])
    of = f", {lowest['target']}" if len(targets) > 1 else ""
    figure = f"{_scored(lowest)} at {level_text(lowest)}{of}"
    if not low:
        text = (
            f"In none of {count_of(len(known), 'part')} does the interval of {words['name']} lie below the score of "
            f"all test rows; lowest beside it: {_level_against(lowest, wholes, targets)}."
        )
        return _check(stratum, name, figure, "holds", "good", text + left_out)
    expected = stratum == "strength" and all(row["level"] == "low" for row in low)
    meaning = {
        "gc": "Lower at every level, a part of the score of all rows rests on GC content itself; lower at one, such "
        "rows are harder.",
        "similarity": "Rows unlike any training sequence are what new data look like.",
        "strength": "Weak peaks are as a rule harder to tell, and more often wrong.",
    }[stratum]
    return _check(
        stratum,
        name,
        figure,
        "lower for weak peaks" if expected else f"drops in {len(low)} of {count_of(len(known), 'part')}",
        "plain" if expected else "doubt",
        f"{sentence(listed(_level_against(row, wholes, targets) for row in low))}. {meaning}{left_out}",
        "Quote the score of the part that you will predict for, beside that of all rows.",
    )


def _level_against(row, wholes, targets):
    of = f"{row['target']}, " if len(targets) > 1 else ""
    value = _scored(row)
    return f"{of}{level_text(row)} {value} where all rows have {fixed(wholes[row['target']])}"


def _few_texts(rows, targets):
    levels = {}
    for row in rows:
        levels.setdefault(level_text(row), []).append(row["target"])
    return [f"{level} ({listed(names, 4)})" if len(targets) > 1 else level for level, names in levels.items()]


# Filters ------------------------------------------------------------------------------------------------------------


def _matches_check(filter_rows):
    """Whether filters match known motifs more often than without learning."""
    matched, total = matched_filters(filter_rows)
    told = sum(largest_p(row) < SIGNIFICANT for row in filter_rows)
    q = filter_rows[0]["calibration"][TRAINED]["q_value"]
    n = len(filter_rows)
    word = "more than by chance" if told == n else "not more than by chance" if not told else f"in {told} of {n} seeds"
    return _check(
        "matches",
        "filters match known motifs more often than without learning",
        f"{matched:,} of {total:,} ({percent(matched / total)}); {rate_text(filter_rows)}",
        word,
        "good" if told == n else "doubt",
        f"{percent(matched / total)} of all filters match at q\u00a0<\u00a0{q:g}; {null_sentence(filter_rows)}. "
        f"More than by chance (p\u00a0<\u00a0{SIGNIFICANT:g} against each of these) in {told} of "
        f"{count_of(n, 'seed')}.",
        "A match of such a network is no evidence by itself: believe motifs that come back in every seed and are "
        "enriched in the data, and lower filters.match_q_value.",
    )


def planted_check(planted):
    """Whether the motifs that were planted were found.

    Parameters
    ----------
    planted : list of list of dict
        Of each seed the rows of `cisflow.report_check_tables.read_planted`.

    Returns
    -------
    dict
    """
    n, counts = len(planted[0]), [sum(row["found"] for row in rows) for rows in planted]
    ends = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)}–{max(counts)}"
    in_all = [row["name"] or row["motif"] for row in planted[0] if _times_found(row, planted) == len(planted)]
    in_none = [row["name"] or row["motif"] for row in planted[0] if not _times_found(row, planted)]
    reading = f"{len(in_all)} of {count_of(n, 'planted motif')} found by every seed"
    reading += f"; by none: {listed(in_none, 20)}." if in_none else "; each by one seed or more."
    return _check(
        "planted",
        "planted motifs are found",
        f"{ends} of {n}",
        "all found" if min(counts) == n else "none found" if max(counts) == 0 else "some found",
        "good" if min(counts) == n else "doubt",
        reading,
        "Here the truth is known: what is missing was not learned, or not as a filter of the first layer.",
    )


def _times_found(motif, planted):
    return sum(row["found"] for rows in planted for row in rows if row["motif"] == motif["motif"])
