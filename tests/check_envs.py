"""Check that every conda environment declares what the scripts of its rules import.

For each rules file: the environment's pins are exact and those of envs/pip/run.txt; every package that a script or a
library module it reaches imports is declared; and every script imports in an interpreter that finds nothing but the
declared packages and what they require. (Whether a pin exists in a conda channel only a channel can tell.)

Run as a program; exits with 1 and one line a fault.
"""

import ast
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PIP_NAME = {"pytorch": "torch", "matplotlib-base": "matplotlib"}

# Runs in the restricted interpreter: forbidden top-level modules look as if they were not installed.
IMPORT_SCRIPT = """
import importlib.util, sys
forbidden = set(sys.argv[2].split(","))
class Closed:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in forbidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Closed())
sys.path.insert(0, sys.argv[3])
spec = importlib.util.spec_from_file_location("script", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
"""


def rules_of(rules_file):
    """The (environment, script) of every rule of a rules file."""
    pairs = []
    for block in re.split(r"^rule ", rules_file.read_text(), flags=re.MULTILINE)[1:]:
        script = re.search(r'script:\s*"\.\./scripts/(\S+)"', block)
        conda = re.search(r'conda:\s*"\.\./envs/(\S+)"', block)
        if script:
            pairs.append((conda[1] if conda else None, script[1]))
    return pairs


def imported(path, seen=None):
    """Top-level names of what a script and the library modules it reaches import, our own apart."""
    seen = set() if seen is None else seen
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module.startswith("cisflow."):
                module = ROOT / "scripts" / (node.module.replace(".", "/") + ".py")
                if module not in seen:
                    seen.add(module)
                    names |= imported(module, seen)
            else:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"cisflow"}


def with_requirements(names):
    """Distributions and all that they require here, by canonical name."""
    found, waiting = set(), {canonicalize_name(name) for name in names}
    while waiting:
        name = waiting.pop()
        found.add(name)
        try:
            needed = [Requirement(text) for text in requires(name) or []]
        except PackageNotFoundError:
            continue
        here = [need.name for need in needed if need.marker is None or need.marker.evaluate({"extra": ""})]
        waiting |= {canonicalize_name(name) for name in here} - found
    return found


def pins(env_file):
    """The pins of a conda environment, as pip names -> versions, and its faults."""
    content = yaml.safe_load(env_file.read_text())
    found, faults = {}, []
    if content.get("channels", [])[-1:] != ["nodefaults"]:
        faults.append(f"{env_file.name}: the last channel must be `nodefaults`")
    for spec in content["dependencies"]:
        match = re.fullmatch(r"([a-z0-9_.-]+) =([0-9][0-9A-Za-z.]*)", str(spec))
        if not match:
            faults.append(f"{env_file.name}: {spec!r} is no pin of the form `name =version`")
        elif match[1] != "python":
            found[PIP_NAME.get(match[1], match[1])] = match[2]
    return found, faults


def main():
    """Check all rules files; returns the list of faults."""
    run = dict(
        line.split("==") for line in (ROOT / "envs/pip/run.txt").read_text().splitlines() if re.match(r"[a-z]", line)
    )
    distributions = packages_distributions()
    faults, used = [], set()
    for rules_file in sorted((ROOT / "rules").glob("*.smk")):
        for env_name, script in rules_of(rules_file):
            if env_name is None:
                faults.append(f"{rules_file.name}: {script} runs without a conda environment")
                continue
            used.add(env_name)
            declared, found = pins(ROOT / "envs" / env_name)
            faults += found
            faults += [
                f"{env_name}: {name} is pinned to {version}, envs/pip/run.txt says {run.get(name)}"
                for name, version in declared.items()
                if run.get(name) != version
            ]
            path = ROOT / "scripts" / script
            for name in sorted(imported(path)):
                if not {canonicalize_name(d) for d in distributions.get(name, [name])} & {
                    canonicalize_name(d) for d in declared
                }:
                    faults.append(f"{env_name}: {script} imports {name}, which the environment does not declare")
            allowed = with_requirements(declared)
            forbidden = {
                name
                for name, owners in distributions.items()
                if not {canonicalize_name(owner) for owner in owners} & allowed
            }
            result = subprocess.run(
                [sys.executable, "-c", IMPORT_SCRIPT, str(path), ",".join(sorted(forbidden)), str(ROOT / "scripts")],
                capture_output=True,
                text=True,
                check=False,
            )
            if result.returncode:
                faults.append(f"{env_name}: {script} does not import: {result.stderr.strip().splitlines()[-1]}")
            print(f"{rules_file.name:16} {env_name:16} {script}", flush=True)
    unused = {path.name for path in (ROOT / "envs").glob("*.yaml")} - used
    faults += [f"{name}: no rule uses this environment" for name in sorted(unused)]
    return sorted(set(faults))


if __name__ == "__main__":
    problems = main()
    print("\n".join(problems) or "every environment declares what its scripts import")
    sys.exit(bool(problems))
