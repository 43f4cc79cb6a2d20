"""The best trial of a search by validation data; its settings are those of the model."""

import json

from cisflow.messages import run_script
from cisflow.trials import best_trial, read_trials, shown, trials_table


def main(trials, by, chosen_output, trials_output):
    """Choose a trial and write its settings, and all trials side by side.

    Parameters
    ----------
    trials : sequence of str
        Result tables of all trials.
    by : str
        `loss`, the lowest is best, or `metric`, the highest.
    chosen_output : str
        JSON: value by path.
    trials_output : str
        TSV, see `cisflow.trials.trials_table`.
    """
    rows = read_trials(trials)
    best = best_trial(rows, by)
    with open(chosen_output, "w", encoding="utf-8") as file:
        json.dump(best["overrides"], file, indent=1)
    trials_table(rows, best["trial"]).to_csv(trials_output, sep="\t", index=False, float_format="%.8g")
    done = sum(row["status"] == "done" for row in rows)
    print(f"{done} of {len(rows)} trial(s) done, {len(rows) - done} failed")
    for row in rows:
        if row["status"] == "failed":
            print(f"trial {row['trial']} failed: {row['reason']}")
    settings = ", ".join(f"{path} {shown(value)}" for path, value in best["overrides"].items())
    print(f"chosen by validation {by}: trial {best['trial']}, loss {best['val_loss']:.4f}: {settings}")


if __name__ == "__main__":
    with run_script(snakemake):
        main(
            snakemake.input.trials,
            snakemake.params.by,
            snakemake.output.chosen,
            snakemake.output.trials,
        )
