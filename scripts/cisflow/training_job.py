"""What Snakemake gives a job that trains one network, and the training of it."""

from dataclasses import dataclass, replace

from cisflow.device import choose_device
from cisflow.fitting import fit_network, prepare
from cisflow.overrides import read_overrides, with_overrides


@dataclass(frozen=True)
class TrainingJob:
    """A network that is to be trained.

    Attributes
    ----------
    train, val : str
        HDF5 files of the two splits; a training reads no test split.
    network, training, seed, motifs, transfer, parent, percent, permuted, memory_mb, code
        See `cisflow.fitting.prepare`.
    device : str
        `auto`, `cpu` or `cuda`.
    threads : int
    checkpoint_minutes, attempt, terminal
        See `cisflow.fitting.fit_network`.
    """

    train: str
    val: str
    network: dict
    training: dict
    seed: int
    device: str
    threads: int
    motifs: dict | None = None
    transfer: dict | None = None
    parent: str | None = None
    percent: float = 100
    permuted: bool = False
    memory_mb: int | None = None
    checkpoint_minutes: float = 10.0
    attempt: int = 1
    code: str = ""
    terminal: object = None

    def with_settings(self, overrides):
        """The same job with settings of the network or its training replaced; see `cisflow.overrides`."""
        network = with_overrides({"training": self.training, **self.network}, overrides)
        return replace(self, training=network.pop("training"), network=network)


def training_job(snakemake, terminal):
    """The job that a rule describes, the settings that a search chose filled in."""
    files, params, resources = snakemake.input, snakemake.params, snakemake.resources
    job = TrainingJob(
        train=files.train,
        val=files.val,
        network=params.network,
        training=params.training,
        seed=params.seed,
        device=resources.device,
        threads=snakemake.threads,
        motifs=dict(zip(params.motifs, files.get("motifs", []), strict=True)),
        transfer=params.get("transfer"),
        parent=files.get("parent") or None,
        percent=params.get("percent", 100),
        permuted=params.get("permuted", False),
        memory_mb=resources.get("mem_mb"),
        checkpoint_minutes=resources.checkpoint_minutes,
        attempt=resources.attempt,
        code=params.code,
        terminal=terminal,
    )
    chosen = files.get("chosen")
    return job.with_settings(read_overrides(chosen)) if chosen else job


def prepare_job(job):
    """The network of a job with its splits, as `cisflow.fitting.prepare` gives it."""
    return prepare(
        job.train, job.val, job.network, job.training, job.seed,
        choose_device(job.device, job.threads, job.training["precision"]),
        motifs=job.motifs, transfer=job.transfer, parent_path=job.parent, percent=job.percent, permuted=job.permuted,
        memory_mb=job.memory_mb, code=job.code,
    )  # fmt: skip


def fit_job(job, checkpoint):
    """Train the network of a job.

    Parameters
    ----------
    job : TrainingJob
    checkpoint : pathlib.Path
        For `cisflow.fitting.forget_checkpoint` once the outputs are written.

    Returns
    -------
    prepared : cisflow.fitting.Prepared
    fitted : cisflow.fitting.Fitted
    """
    prepared = prepare_job(job)
    fitted = fit_network(
        prepared, checkpoint=checkpoint, checkpoint_minutes=job.checkpoint_minutes, attempt=job.attempt,
        terminal=job.terminal,
    )  # fmt: skip
    return prepared, fitted
