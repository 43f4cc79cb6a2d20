"""How filters become PWMs: the field's procedures by name, every number of which can be given another value.

A filter's activation is what leaves its layer after batch norm and activation function. The procedures:

`basset`     Kelley et al. 2016 (https://doi.org/10.1101/gr.200535.115): every position above mean + 0.5 x (maximum -
             mean) is a site; 1 is added to each base; fewer than 10 sites make no PWM.
`deepbind`   Alipanahi et al. 2015 (https://doi.org/10.1038/nbt.3300): the best position of each sequence, if its
             activation is above 0; 0.0001 is added to each base.
`koo_eddy`   Koo & Eddy 2019 (https://doi.org/10.1371/journal.pcbi.1007560): every position above 0.5 x maximum; the
             bases of a site count as much as its activation; nothing is added.

In all of them, ours: only positions at which the filter lies within the window are looked at, whatever the padding
(the papers drop (width - 1) // 2 positions at each end, pad with unknown bases, or count padded zeros); an unknown base
counts as the background has the four; sites are those of the sequences as they are stored, not of their other strand;
and where a paper says nothing (fewest sites, trimming, information), the numbers are Basset's or ours.
"""

RULES = ("mean_to_maximum", "share_of_maximum", "best_position")  # what makes a position a site
WEIGHTINGS = ("none", "activation")
OURS = {
    "min_sites": 10,  # fewer make no PWM
    "trim_information": 0.25,  # bits; flanking positions with less are cut off
    "min_information": 0.5,  # bits a position, on average over the trimmed PWM
    "background": "uniform",  # or `split`: its frequencies of A, C, G and T; or four numbers
    "layer": None,  # the first convolution
    "max_sites": 20_000,  # of each filter that are listed with their places, the strongest
}
PROCEDURES = {
    "basset": {"threshold": "mean_to_maximum", "activation_fraction": 0.5, "pseudocount": 1.0, "weighting": "none"},
    "deepbind": {"threshold": "best_position", "activation_fraction": None, "pseudocount": 1e-4, "weighting": "none"},
    "koo_eddy": {
        "threshold": "share_of_maximum", "activation_fraction": 0.5, "pseudocount": 0.0, "weighting": "activation",
    },
}  # fmt: skip
DEFAULT_FRACTION = 0.5  # of a threshold that is given to a procedure which has none


def procedure_of(settings):
    """Every number of the procedure that settings ask for.

    Parameters
    ----------
    settings : dict
        `procedure` (`basset` where it lacks) and what differs from it; None stands for the procedure's own.

    Returns
    -------
    dict
        `procedure`, `threshold` (one of `RULES`), `activation_fraction`, `pseudocount`, `weighting` (one of
        `WEIGHTINGS`), and the keys of `OURS`.

    Raises
    ------
    ValueError
        If a name is none that there is, with those that there are.
    """
    name = settings.get("procedure") or "basset"
    if name not in PROCEDURES:
        raise ValueError(f"there is no procedure {name!r}: take {', '.join(PROCEDURES)}")
    found = {"procedure": name, **OURS, **PROCEDURES[name]}
    found |= {key: settings[key] for key in found if settings.get(key) is not None}
    for key, known in (("threshold", RULES), ("weighting", WEIGHTINGS)):
        if found[key] not in known:
            raise ValueError(f"there is no {key} {found[key]!r}: take {', '.join(known)}")
    if found["threshold"] == "best_position":
        found["activation_fraction"] = None
    elif found["activation_fraction"] is None:
        found["activation_fraction"] = DEFAULT_FRACTION
    return found


def described(procedure):
    """A procedure in words, for the table and the log."""
    fraction = procedure["activation_fraction"]
    sites = {
        "mean_to_maximum": f"positions above mean + {fraction} x (maximum - mean)",
        "share_of_maximum": f"positions above {fraction} x maximum",
        "best_position": "the best position of each sequence, if above 0",
    }[procedure["threshold"]]
    weighting = "weighted by activation" if procedure["weighting"] == "activation" else "counted alike"
    return f"{procedure['procedure']}: {sites}; sites {weighting}, pseudocount {procedure['pseudocount']:g}"
