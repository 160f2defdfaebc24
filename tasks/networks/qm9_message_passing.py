"""The shared encoder and heads of `qm9`: a message-passing network for molecules, on padded tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, relu

from tasks.data.qm9_sdf import NUMBERS, ORDERS

PASSES = 3  # of messages, and readings of the set of atoms
ATOM_FEATURES = len(NUMBERS) + 1 + len(ORDERS)
PAIR_FEATURES = len(ORDERS) + 1


class MessagePassing(nn.Module):
    """Gilmer's network: messages through a matrix that depends on the pair of atoms, gated units, and Set2Set.

    h_i <- GRU(relu(W h_i + b + mean over j of A(e_ij) h_j), h_i), three times, among all pairs of a molecule's atoms.
    A(e) is a network with one hidden layer, of twice the width. As A is affine in that layer, neighbours are summed up
    before the matrices are applied, which is the same without a matrix for each pair.

    Reference: Gilmer et al., Neural Message Passing for Quantum Chemistry, ICML 2017, Section 5; Vinyals, Bengio and
    Kudlur, Order Matters: Sequence to Sequence for Sets, ICLR 2016.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.width = width
        self.embedding = nn.Linear(ATOM_FEATURES, width)
        self.pairs = nn.Linear(PAIR_FEATURES, 2 * width)
        self.matrices = nn.Linear(2 * width, width * width)  # A(e), (from, to), from the hidden layer
        self.own = nn.Linear(width, width)
        self.update = nn.GRUCell(width, width)
        self.reading = nn.LSTMCell(2 * width, width)
        self.last = nn.Linear(2 * width, width)

    def forward(self, elements: Tensor, positions: Tensor, bonds: Tensor) -> Tensor:
        """Features (N, width) of molecules: elements (N, A), positions (N, A, 3), bonds (N, A, A)."""
        is_atom = elements > 0
        states = relu(self.embedding(atom_features(elements, bonds)))
        gates = self._gates(pair_features(positions, bonds), is_atom)
        for _ in range(PASSES):
            messages = relu(self.own(states) + self._messages(gates, states))
            states = self.update(messages.flatten(0, 1), states.flatten(0, 1)).unflatten(0, elements.shape)
        return relu(self.last(self._read(states, is_atom)))

    def _gates(self, pairs: Tensor, is_atom: Tensor) -> Tensor:
        """The hidden layer (N, A, K, A) for every pair, over the number of neighbours; with a 1 for the bias of A."""
        count = is_atom.shape[1]
        apart = ~torch.eye(count, dtype=torch.bool, device=is_atom.device)
        neighbours = is_atom[:, :, None] & is_atom[:, None] & apart
        hidden = relu(self.pairs(pairs))
        hidden = torch.cat([hidden, torch.ones_like(hidden[..., :1])], -1)
        shares = neighbours / neighbours.sum(2, keepdim=True).clamp(min=1)
        return (hidden * shares[..., None]).transpose(2, 3)

    def _messages(self, gates: Tensor, states: Tensor) -> Tensor:
        """Mean over neighbours j of A(e_ij) h_j, (N, A, width)."""
        collected = gates.flatten(1, 2) @ states  # (N, A * K, width)
        matrices = torch.cat([self.matrices.weight.T, self.matrices.bias[None]])  # (K, width * width)
        return collected.reshape(*states.shape[:2], -1) @ matrices.reshape(-1, self.width)

    def _read(self, states: Tensor, is_atom: Tensor) -> Tensor:
        """Set2Set: a summary of the set of atoms after three readings, (N, 2 * width)."""
        query = memory = states.new_zeros(len(states), self.width)
        summary = states.new_zeros(len(states), 2 * self.width)
        for _ in range(PASSES):
            query, memory = self.reading(summary, (query, memory))
            match = (states @ query[..., None])[..., 0].masked_fill(~is_atom, -torch.inf)
            summary = torch.cat([query, (match.softmax(1)[:, None] @ states)[:, 0]], -1)
        return summary


def atom_features(elements: Tensor, bonds: Tensor) -> Tensor:
    """For every atom (N, A, 10): which element it is, its hydrogens, its bonds of each order."""
    kinds = torch.stack([elements == number for number in NUMBERS.values()], -1)
    hydrogens = ((bonds > 0) & (elements == NUMBERS["H"])[:, None]).sum(2)
    orders = torch.stack([(bonds == order).sum(2) for order in ORDERS], -1)
    return torch.cat([kinds, hydrogens[..., None], orders], -1).float()


def pair_features(positions: Tensor, bonds: Tensor) -> Tensor:
    """For every pair of atoms (N, A, A, 5): which bond there is, the distance in ångström."""
    distances = (positions[:, :, None] - positions[:, None]).norm(dim=-1)
    return torch.cat([one_hot(bonds.long(), len(ORDERS) + 1)[..., 1:].float(), distances[..., None]], -1)


class PropertyHead(nn.Module):
    """A head that converts its standardised output to the unit of the property, (N,)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int, mean: float, deviation: float) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1)
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))

    def forward(self, features: Tensor) -> Tensor:
        """Values (N,) from features (N, width)."""
        return self.linear(features)[:, 0].float() * self.deviation + self.mean
