"""Optimisers of many networks at once: the formulas of torch.optim on a matrix of parameters, a network a row.

Each network has its own learning rate and its own count of steps.
"""

import torch

BETAS, EPSILON = (0.9, 0.999), 1e-8  # of adam and adamw, as torch.optim has them
RHO, EPSILON_ADADELTA = 0.9, 1e-6
STATES = {
    "adam": ("mean", "square"),
    "adamw": ("mean", "square"),
    "sgd": ("velocity",),
    "rmsprop": ("square", "velocity"),
    "adadelta": ("square", "step_square"),
}


def adam_step(x, gradient, state, rate, epsilon, settings):
    """Kingma & Ba 2015; of `adamw` too, whose decay comes before."""
    state["mean"].lerp_(gradient, 1 - BETAS[0])
    state["square"].mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
    root = state["square"].sqrt().add_(epsilon)
    x.addcmul_(torch.div(state["mean"], root, out=root), -rate)


def sgd_step(x, gradient, state, rate, epsilon, settings):
    """Stochastic gradient descent with momentum."""
    if settings["momentum"]:
        gradient = state["velocity"].mul_(settings["momentum"]).add_(gradient)
    x.addcmul_(gradient, -rate)


def rmsprop_step(x, gradient, state, rate, epsilon, settings):
    """Tieleman & Hinton 2012, the root before the small constant."""
    smoothing = settings["smoothing"]
    state["square"].mul_(smoothing).addcmul_(gradient, gradient, value=1 - smoothing)
    root = state["square"].sqrt().add_(epsilon)
    change = torch.div(gradient, root, out=root)
    if settings["momentum"]:
        change = state["velocity"].mul_(settings["momentum"]).add_(change)
    x.addcmul_(change, -rate)


def adadelta_step(x, gradient, state, rate, epsilon, settings):
    """Zeiler 2012."""
    state["square"].mul_(RHO).addcmul_(gradient, gradient, value=1 - RHO)
    change = (state["step_square"] + epsilon).div_(state["square"] + epsilon).sqrt_().mul_(gradient)
    state["step_square"].mul_(RHO).addcmul_(change, change, value=1 - RHO)
    x.addcmul_(change, -rate)


STEPS = {
    "adam": adam_step,
    "adamw": adam_step,
    "sgd": sgd_step,
    "rmsprop": rmsprop_step,
    "adadelta": adadelta_step,
}


class StackedOptimizer:
    """One optimiser for the networks of a `cisflow.stacked_network.StackedNetwork`.

    Parameters
    ----------
    flat : torch.Tensor, shape (M, P)
        The parameters, a network a row.
    slices : dict of str -> (slice, torch.Size)
        Where in a row a parameter lies, and its shape. Weight decay acts on those with more than one axis, not on
        biases and norms.
    settings : dict
        `optimizer`, `learning_rate`, `weight_decay` (a number, or a tensor (M, 1)), `momentum` (of `sgd` and
        `rmsprop`), `smoothing` (of `rmsprop`).

    Attributes
    ----------
    rates : torch.Tensor of float64, shape (M, 1)
        Learning rates of the next step.
    """

    def __init__(self, flat, slices, settings):
        self.settings, self.slices = settings, slices
        self.rates = torch.full((len(flat), 1), settings["learning_rate"], dtype=torch.float64, device=flat.device)
        self.steps = torch.zeros_like(self.rates)
        has_velocity = settings["optimizer"] not in ("sgd", "rmsprop") or settings["momentum"]
        self.state = {
            name: torch.zeros_like(flat, requires_grad=False)
            for name in STATES[settings["optimizer"]]
            if name != "velocity" or has_velocity
        }
        is_weight = torch.zeros(flat.shape[1], dtype=flat.dtype, device=flat.device)
        for part, shape in slices.values():
            is_weight[part] = len(shape) > 1
        decay = torch.as_tensor(settings["weight_decay"], dtype=flat.dtype, device=flat.device) * is_weight
        self.decay = decay if decay.any() else None

    @torch.no_grad()
    def step(self, flat):
        """Change the parameters in place by the gradient that they hold.

        Parameters
        ----------
        flat : torch.Tensor, shape (M, P)
            With a gradient, which may be changed.
        """
        name = self.settings["optimizer"]
        self.steps += 1
        rate, epsilon = self.rates, torch.full_like(self.rates, EPSILON_ADADELTA if name == "adadelta" else EPSILON)
        if name in ("adam", "adamw"):  # both means start at 0: the correction for that, taken out of the large matrices
            root = (1 - BETAS[1] ** self.steps).sqrt()
            rate, epsilon = rate * root / (1 - BETAS[0] ** self.steps), epsilon * root
        if self.decay is not None and name == "adamw":
            flat.mul_(1 - self.rates.to(flat.dtype) * self.decay)
        elif self.decay is not None:
            flat.grad.addcmul_(flat, self.decay)
        STEPS[name](flat, flat.grad, self.state, rate.to(flat.dtype), epsilon.to(flat.dtype), self.settings)

    def keep(self, indices):
        """Go on with some of the networks alone, by their numbers."""
        index = torch.tensor(indices, device=self.rates.device)
        self.rates, self.steps = self.rates[index], self.steps[index]
        self.state = {name: values[index] for name, values in self.state.items()}
        if self.decay is not None and self.decay.ndim == 2:
            self.decay = self.decay[index]

    def state_dict(self):
        """What a checkpoint needs, for `load_state_dict`; not copied."""
        return {"rates": self.rates, "steps": self.steps, **self.state}

    def load_state_dict(self, state):
        """Take up what `state_dict` gave for the same networks and settings."""
        self.rates, self.steps = (state[name].to(self.rates).clone() for name in ("rates", "steps"))
        self.state = {name: state[name].to(values).clone() for name, values in self.state.items()}


@torch.no_grad()
def clip_gradients(flat, largest):
    """Shrink the gradient of each network whose norm exceeds `largest` to it, as torch.nn.utils.clip_grad_norm_ does.

    Parameters
    ----------
    flat : torch.Tensor, shape (M, P)
        With a gradient, which is changed in place.
    largest : float

    Returns
    -------
    torch.Tensor, shape (M, 1)
        The norms before.
    """
    norms = torch.linalg.vector_norm(flat.grad, dim=1, keepdim=True)
    flat.grad.mul_((largest / (norms + 1e-6)).clamp_(max=1.0))
    return norms


@torch.no_grad()
def cap_weight_norms(flat, slices, cap):
    """Shrink every filter and every row of a dense layer whose norm exceeds `cap` to that norm, as torch.renorm does.

    Parameters
    ----------
    flat : torch.Tensor, shape (M, P)
        Changed in place.
    slices : dict of str -> (slice, torch.Size)
        See `StackedOptimizer`.
    cap : float
    """
    for part, shape in slices.values():
        if len(shape) > 1:
            rows = flat[:, part].unflatten(1, (shape[0], -1))
            norms = torch.linalg.vector_norm(rows, dim=2, keepdim=True)
            rows.mul_(torch.where(norms > cap, cap / (norms + 1e-7), 1.0))
