"""Rows of the sheet as rules hand them to scripts: files stand in `input`, and a row says which of them is its own."""


def with_files(rows, inputs):
    """Rows with the paths of their files.

    A path among the parameters would not be changed with those of `input`, where a workflow that uses this one puts its
    results elsewhere, or a cluster has its own copies.

    Parameters
    ----------
    rows : list of dict
        Of every column in `inputs` a row holds the position of its file in that list, or None.
    inputs : dict-like of str -> list of str
        Files by column of the sheet.

    Returns
    -------
    list of dict
        Copies, with a path (or an empty text) in these columns.
    """
    filled = []
    for row in rows:
        files = {
            column: "" if row[column] is None else inputs[column][row[column]]
            for column in inputs.keys()  # noqa: SIM118, what Snakemake gives has no other way
            if column in row
        }
        filled.append({**row, **files})
    return filled
