"""Networks from outside: what loads gives its own numbers, and each way to go wrong is told in its own words."""

import sys
import textwrap

import numpy as np
import pytest
import torch
from torch import nn

from cisflow.frozen_features import features_of_batch, frozen_network
from cisflow.messages import InputError
from cisflow.outside_networks import check_network, load_function, load_torchscript, weights_digest

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))]
LENGTH = 30


def a_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv1d(4, 6, 5), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.AdaptiveAvgPool1d(3))


def sequences(n, seed=0):
    return torch.from_numpy(np.eye(4, dtype=np.float32)[np.random.default_rng(seed).integers(4, size=(n, LENGTH))]).mT


def checked(network, name="a network"):
    return check_network(network, LENGTH, "cpu", name)


@pytest.fixture
def make_module(tmp_path, monkeypatch):
    """Write a Python module into a folder that becomes the working folder; its name is one that no other test has."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)

    def make(name, text):
        path = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("import torch\nfrom torch import nn\n" + textwrap.dedent(text))
        return path

    yield make
    for name in set(sys.modules) - known:
        del sys.modules[name]


# --- TorchScript ------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("how", ["trace", "script"])
def test_a_torchscript_file_gives_what_the_network_gives(tmp_path, how, device):
    network = a_network().eval()
    exported = torch.jit.trace(network, sequences(2)) if how == "trace" else torch.jit.script(a_network())
    exported.save(tmp_path / "net.ts")  # one of them as if it were still trained
    loaded = load_torchscript(tmp_path / "net.ts", device)
    x = sequences(5)
    torch.testing.assert_close(loaded(x.to(device)).cpu(), network(x), rtol=1e-4, atol=1e-5)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert check_network(loaded, LENGTH, device, "net.ts") == (6, 3)


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
@pytest.mark.parametrize(("pooling", "size"), [("mean", 6), ("max", 6), ("flatten", 18)])
def test_features_of_an_outside_network_are_its_output_pooled(tmp_path, pooling, size):
    network = a_network().eval()
    torch.jit.trace(network, sequences(2)).save(tmp_path / "net.ts")
    read = frozen_network({"torchscript": "net.ts"}, str(tmp_path / "net.ts"), LENGTH, torch.device("cpu"))
    x = sequences(7)
    found = features_of_batch(read, x, None, pooling, "both")
    strands = [network(x), network(x[:, [3, 2, 1, 0]].flip(2))]
    reduced = {"mean": lambda y: y.mean(2), "max": lambda y: y.amax(2), "flatten": lambda y: y.flatten(1)}[pooling]
    assert found.shape == (7, size)
    torch.testing.assert_close(found, sum(map(reduced, strands)) / 2, rtol=1e-4, atol=1e-5)
    assert read.provenance["parent_record"] == {}  # nothing is known of what it has seen


def test_a_layer_of_an_outside_network_cannot_be_chosen():
    with pytest.raises(InputError, match="no layers that can be chosen"):
        frozen_network({"function": "torch.nn:Identity", "layer": "dense_1"}, None, LENGTH, "cpu")


@pytest.mark.parametrize("what", ["text", "empty", "weights", "nothing"])
def test_what_is_no_torchscript_is_told(tmp_path, what):
    path = tmp_path / "net.ts"
    if what == "weights":
        torch.save(a_network().state_dict(), path)
    elif what != "nothing":
        path.write_text("hello" if what == "text" else "")
    with pytest.raises(InputError, match="no TorchScript file") as error:
        load_torchscript(path, "cpu")
    assert "torch.jit.trace" in error.value.fix
    assert len(error.value.why) < 400


# --- a function of a module -------------------------------------------------------------------------------------------


def test_a_function_of_the_working_folder_gives_its_network(make_module):
    path = make_module(
        "my_networks.small",
        """
        class Sums(nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = nn.Parameter(torch.ones(1))

            def forward(self, x):
                return x.sum(dim=2) * self.weight + (1 if self.training else 0)

        def make_network():
            return Sums()

        network = Sums()

        def make_function():
            return lambda x: x.sum(dim=2)
        """,
    )
    x = sequences(3)
    for name in ("make_network", "network", "make_function"):
        network, found = load_function(f"my_networks.small:{name}", "cpu")
        assert found == str(path)
        torch.testing.assert_close(network(x), x.sum(dim=2))  # of a module in evaluation mode
        assert checked(network) == (4,)
    read = frozen_network({"function": "my_networks.small:make_network"}, None, LENGTH, torch.device("cpu"))
    torch.testing.assert_close(features_of_batch(read, x, None, "mean", "forward"), x.sum(dim=2))


def test_a_package_that_is_installed_is_found_too(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    network, path = load_function("torch.nn:Identity", "cpu")
    assert isinstance(network, nn.Identity)
    assert path.endswith("__init__.py")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("absent_module:f", None, "no Python module absent_module"),
        ("absent_package.part:f", None, "no Python module absent_package.part"),
        ("present.part:f", ("present", ""), "no Python module present.part"),
        ("needy:f", ("needy", "import absent_library_of_theirs"), "imports absent_library_of_theirs"),
        ("broken:f", ("broken", "1 / 0"), "ZeroDivisionError"),
        ("misspelt:f", ("misspelt", "def f(:"), "SyntaxError"),
        ("without:make", ("without", "def make_it():\n    pass"), "make_it"),
        ("picky:f", ("picky", "def f(size):\n    pass"), "missing 1 required positional argument"),
        ("nothing:f", ("nothing", "def f():\n    pass"), "NoneType"),
    ],
)
def test_functions_that_cannot_be_had_are_told(make_module, tmp_path, name, text, told):
    if text:
        make_module(*text)
    with pytest.raises(InputError) as error:
        load_function(name, "cpu")
    assert told in str(error.value)
    if text is None:
        assert str(tmp_path) in error.value.why  # where it was looked for


def test_the_digest_follows_the_weights():
    assert weights_digest(a_network(0)) == weights_digest(a_network(0))
    assert weights_digest(a_network(0)) != weights_digest(a_network(1))
    assert weights_digest(a_network(0).bfloat16()) != weights_digest(a_network(0))
    assert weights_digest(lambda x: x) == weights_digest(abs)


# --- what a network must give -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "found"),
    [
        (lambda x: x.sum(), "shape ()"),
        (lambda x: x.sum(dim=(1, 2)), "shape (2,)"),
        (lambda x: x[:1].sum(dim=2), "shape (1, 4)"),
        (lambda x: x[:, None], "shape (2, 1, 4, 30)"),
        (lambda x: x[:, :, :0], "shape (2, 4, 0)"),
        (lambda x: x.argmax(dim=1), "int64 tensor"),
        (lambda x: (x, x), "tuple"),
        (lambda x: {"logits": x}, "dict"),
    ],
)
def test_another_shape_is_told_with_what_was_found(network, found):
    with pytest.raises(InputError, match="gives no features") as error:
        checked(network)
    assert found in error.value.why
    assert "(2, channels, positions)" in error.value.why


def test_a_window_of_the_wrong_length_is_told():
    with pytest.raises(InputError, match="cannot read windows of 30 bp") as error:
        checked(nn.Sequential(nn.Flatten(), nn.Linear(4 * 50, 3)))
    assert "windows.length" in error.value.fix
    assert "120" in error.value.why  # torch's own words


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_told(number):
    with pytest.raises(InputError, match="not finite"):
        checked(lambda x: x.sum(dim=2) + torch.tensor([0, 0, 0, number]))


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Flatten(), nn.Linear(120, 6), nn.BatchNorm1d(6)).train(),
        lambda x: x.sum(dim=2) - x.sum(dim=2).mean(dim=0),
        lambda x: x.sum(dim=2) * torch.arange(1, len(x) + 1)[:, None],
    ],
    ids=["batch norm in training", "less the mean", "by place"],
)
def test_features_that_hang_on_the_rest_of_the_batch_are_told(network):
    with pytest.raises(InputError, match="hang on the other sequences"):
        checked(network)


def test_a_network_that_draws_at_random_is_told():
    with pytest.raises(InputError, match="other numbers at every call"):
        checked(lambda x: nn.functional.dropout(x, 0.5))


def test_half_precision_is_read_as_float32():
    network = a_network().eval().bfloat16()
    assert checked(lambda x: network(x.bfloat16())) == (6, 3)
    read = frozen_network({"function": "torch.nn:Identity"}, None, LENGTH, torch.device("cpu"))
    assert features_of_batch(read, sequences(2), None, "mean", "both").dtype == torch.float32


def test_a_network_that_writes_into_its_input_does_no_harm(make_module):
    make_module("rude", "def f():\n    return lambda x: x.mul_(2).sum(dim=2)")
    read = frozen_network({"function": "rude:f"}, None, LENGTH, torch.device("cpu"))
    x = sequences(4)
    expected = (2 * x.sum(dim=2) + 2 * x[:, [3, 2, 1, 0]].sum(dim=2)) / 2
    torch.testing.assert_close(features_of_batch(read, x.clone(), None, "mean", "both"), expected)
