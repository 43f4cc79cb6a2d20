"""The settings that the next trials of a search are trained with."""

import json

from cisflow.layers import network_table
from cisflow.messages import run_script
from cisflow.overrides import with_overrides
from cisflow.search import proposals
from cisflow.trials import read_trials, score_of


def main(earlier, search, numbers, entry, inputs, n_targets, output):
    """Write the settings of one round of trials.

    Parameters
    ----------
    earlier : sequence of str
        Result tables of the trials of earlier rounds, where the sampler learns from them.
    search : dict
        See `cisflow.overrides.search_of`.
    numbers : list of int
        Of the trials of this round.
    entry : dict
        `training` and what describes the network, as in models.yaml.
    inputs : dict of str -> sequence of int
        Shapes of what networks may read: `sequence` (4, length) and, where there are tracks, `tracks` (tracks, bins).
    n_targets : int
    output : str
        JSON: a list of `trial`, `overrides` and `reason`, as `cisflow.search.proposals` gives them.
    """
    rows = read_trials(earlier)
    shapes = {name: tuple(shape) for name, shape in inputs.items()}

    def refusal(overrides):
        changed = with_overrides(entry, overrides)
        changed.pop("training")
        try:
            network_table(changed, shapes, n_targets)
        except ValueError as error:
            return str(error)
        return ""

    scored = [(row["overrides"], score_of(row, search["by"])) for row in rows]
    found = proposals(search, numbers, scored, refusal)
    with open(output, "w", encoding="utf-8") as file:
        json.dump(found, file, indent=1)
    print(f"{search['sampler']}, seed {search['seed']}; {len(rows)} earlier trial(s) taken into account")
    for proposal in found:
        settings = proposal["overrides"] or {"nothing to try": proposal["reason"]}
        print(f"trial {proposal['trial']}: {', '.join(f'{path} {value}' for path, value in settings.items())}")


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.get("earlier", []),
            snakemake.params.search,
            snakemake.params.numbers,
            snakemake.params.entry,
            snakemake.params.inputs,
            snakemake.params.n_targets,
            snakemake.output.proposals,
        )
