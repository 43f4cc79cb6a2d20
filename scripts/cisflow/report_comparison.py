"""Many networks of one dataset and fold side by side: what each reaches, what it costs, and which one was chosen."""

from markupsafe import Markup

from cisflow.figures import interval_bar
from cisflow.report_nulls import SIGNIFICANT
from cisflow.report_numbers import TASKS, all_of, fixed, is_known, signed, words_of
from cisflow.report_rows import NOT_COMPARABLE, identity
from cisflow.report_scores import by_score
from cisflow.report_sentences import choice_sentence

TABLES = 12  # targets that get a table each; those of more stand in one
BAR_LENGTH = 90


def comparison(scores, network_rows):
    """What the page shows of the networks of one dataset and fold together.

    Parameters
    ----------
    scores : list of dict
        Their rows of `score_rows`.
    network_rows : dict
        As from `cisflow.report_rows.network_rows`.

    Returns
    -------
    dict or None
        None where there is one network only. `tables` holds the open one first: of the mean of the targets, or of the
        only target.
    """
    targets = list(dict.fromkeys(row["target"] for row in scores))
    of_target = {target: [row for row in scores if row["target"] == target] for target in targets}
    if not scores or len(of_target[targets[0]]) < 2:
        return None
    networks = {row["model"]: network_rows[*identity(row), row["model"]] for row in scores}
    [first, *others] = [targets[-1], *targets[:-1]] if len(targets) > 1 else targets
    tables, parts = [_table(of_target[first], networks)], [_table(of_target[target], networks) for target in others]
    if len(parts) <= TABLES:
        tables += parts
    else:
        together = {"target": "", "title": f"Each of {len(parts)} targets", "sentence": ""}
        tables.append({**parts[0], **together, "rows": [row for part in parts for row in part["rows"]]})
    chosen = [row for row in networks.values() if row["is_chosen"]]
    return {
        "words": words_of(scores[0]),
        "n_networks": len(networks),
        "sentence": choice_sentence(chosen[0], of_target[first]) if chosen else _unchosen(networks),
        "is_chosen": bool(chosen),
        "left_out": _left_out(networks) if chosen else "",
        "tables": tables,
        "has_parameters": any(row["parameters"] > 0 for row in networks.values()),
        "has_epochs": any(row["epoch"] > 0 for row in networks.values()),
    }


def _table(rows, networks):
    """The networks and the baselines on one target, the highest test score first."""
    words = words_of(rows[0])
    table = [
        {
            **row,
            "is_baseline": False,
            "network": networks[row["model"]],
            "bar": score_bar(row, row["baseline"], BAR_LENGTH),
        }
        for row in rows
    ]
    first = rows[0]
    baselines = [
        {
            "target": first["target"],
            "is_mean": first["is_mean"],
            "task": first["task"],
            "model": other["name"],
            "is_baseline": True,
            "seeds": [],
            **{key: other[key] for key in ("score", "low", "high", "second")},
        }
        for other in first["beside"]
    ]
    for row in baselines:
        row["bar"] = score_bar(row, first["baseline"], BAR_LENGTH)
    is_binary = words["task"] == "binary"
    facts = [
        f"{fixed(first['n'], 0)} test {'windows' if is_binary else 'rows'}",
        f"{fixed(first['n_positive'], 0)} positives" if is_binary and first["n_positive"] > 0 else "",
        f"prevalence {fixed(first['prevalence'])}" if first["prevalence"] > 0 else "",
        f"variance of the measured values {fixed(first['variance'])}" if first["variance"] > 0 else "",
    ]
    return {
        "target": first["target"],
        "title": "Mean of the targets" if first["is_mean"] else first["target"],
        "sentence": ", ".join(filter(None, facts)) + ".",
        "rows": by_score([*table, *baselines]),
        "has_mse": any(is_known(row["mse"]) for row in rows),
        "has_seeds": any(row["n_seeds"] > 1 for row in rows),
    }


def difference_section(rows, chosen):
    """Every network of a dataset against every other, over all folds that both were tested on.

    Parameters
    ----------
    rows : list of dict
        Of `cisflow.report_check_tables.read_differences`.
    chosen : str or None
        The network of which the sentence speaks.

    Returns
    -------
    dict or None
        None where there is one network only.
    """
    if not rows:
        return None
    targets = list(dict.fromkeys(row["target"] for row in rows))
    shown = "mean" if "mean" in targets else targets[0]
    told = [{**row, "verdict": _difference_verdict(row)} for row in rows]
    cases_of = {"better": [], "worse": [], "not told apart": []}
    for row in told:
        if row["target"] == shown and chosen in (row["model"], row["other"]):
            is_first = row["model"] == chosen
            word = row["verdict"] if is_first else {"better": "worse", "worse": "better"}.get(row["verdict"])
            sign, other = (1, row["other"]) if is_first else (-1, row["model"])
            cases_of[word or "not told apart"].append(f"{other} ({signed(sign * row['difference'])})")
    texts = [
        f"{word} {'from' if word == 'not told apart' else 'than'} {all_of(cases)}"
        for word, cases in cases_of.items()
        if cases
    ]
    names = {words["score"]: words["name"] for words in TASKS.values()}
    return {
        "name": names[rows[0]["metric"]],
        "shown": "mean of the targets" if shown == "mean" else shown,
        "sentence": f"{chosen}: {'; '.join(texts)}." if texts else "",
        "rows": [row for row in told if row["target"] == shown],
        "others": [row for row in told if row["target"] != shown],
    }


def _difference_verdict(row):
    """A row of differences in a word."""
    if not row["q"] < SIGNIFICANT:
        return "not told apart"
    return "better" if row["difference"] > 0 else "worse"


def score_bar(row, baseline, length=100):
    """A score, its interval, its seeds and the baseline on one line, for a cell of a table.

    Parameters
    ----------
    row : dict
        `task`, `score`, `low`, `high` and `seeds`.
    baseline : float
    length : int

    Returns
    -------
    markupsafe.Markup
    """
    words = words_of(row)
    seeds = [seed["score"] for seed in row["seeds"]] if len(row["seeds"]) > 1 else []
    bar = interval_bar(row["score"], row["low"], row["high"], baseline, words["scale"], words["guess"], seeds, length)
    return Markup(bar)


def _unchosen(networks):
    """Why no network is marked."""
    return f"None of the {len(networks)} networks has a validation score by which it may be chosen."


def _seen(kinds):
    """Which splits the warnings of a network say that its parent has seen."""
    splits = {"parent_saw_val": "validation", "parent_saw_test": "test"}
    return " and the ".join(split for kind, split in splits.items() if kind in kinds)


def _left_out(networks):
    """Networks that could not be chosen, and why."""
    texts = [
        f"{row['model']} (its parent has seen the {_seen(row['kinds'])} split)"
        for row in networks.values()
        if NOT_COMPARABLE & set(row["kinds"])
    ]
    texts += [
        f"{row['model']} (no validation score)"
        for row in networks.values()
        if not is_known(row["validation"]) and not NOT_COMPARABLE & set(row["kinds"])
    ]
    return f"Not among those that may be chosen: {'; '.join(texts)}." if texts else ""
