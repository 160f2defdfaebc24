"""The message-passing network of `qm9`: features, messages, symmetries and units."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.data.qm9_sdf import pack, parse
from tasks.networks.qm9_message_passing import MessagePassing, PropertyHead, atom_features, pair_features
from tests.tasks.qm9_files import METHANAL, lines_of, packed_samples


def test_features_are_elements_hydrogens_bonds_and_distances() -> None:
    packed = pack([parse(lines_of(METHANAL))])
    atoms = atom_features(packed.elements, packed.bonds)[0]  # H C N O F, hydrogens, single to aromatic bonds
    assert atoms[0].tolist() == [0, 1, 0, 0, 0, 2, 2, 1, 0, 0]
    assert atoms[2].tolist() == [1, 0, 0, 0, 0, 0, 1, 0, 0, 0]
    pairs = pair_features(packed.positions, packed.bonds)[0]
    assert pairs[0, 1].tolist() == pytest.approx([0, 1, 0, 0, np.hypot(0.016, 13.6)], abs=1e-3)
    assert pairs[1, 2, :4].tolist() == [0, 0, 0, 0]


def test_messages_are_means_of_matrices_times_neighbours() -> None:
    torch.manual_seed(0)
    network, packed = MessagePassing(6), packed_samples(3)
    is_atom = packed.elements > 0
    pairs, states = pair_features(packed.positions, packed.bonds), torch.randn(*is_atom.shape, 6)
    messages = network._messages(network._gates(pairs, is_atom), states)
    matrices = network.matrices(torch.relu(network.pairs(pairs))).unflatten(-1, (6, 6))
    for n, count in enumerate(is_atom.sum(1).tolist()):
        for i in range(count):
            sent = [states[n, j] @ matrices[n, i, j] for j in range(count) if j != i]
            torch.testing.assert_close(messages[n, i], torch.stack(sent).mean(0), atol=1e-5, rtol=1e-4)


def test_features_depend_neither_on_padding_nor_on_order_nor_on_where_a_molecule_lies() -> None:
    torch.manual_seed(0)
    network, packed = MessagePassing(6).eval(), packed_samples(4)
    count = int((packed.elements[1] > 0).sum())
    assert count < packed.elements.shape[1]
    order = torch.randperm(count)
    elements, positions = packed.elements[1:2, order], packed.positions[1:2, order] + torch.tensor([5.0, -3, 1])
    with torch.no_grad():
        alone = network(elements, positions, packed.bonds[1:2, order][:, :, order])
        torch.testing.assert_close(alone, network(*packed)[1:2], atol=1e-5, rtol=1e-4)


def test_a_head_answers_in_the_unit_of_its_property() -> None:
    head = PropertyHead(3, mean=-70.0, deviation=10.0)
    with torch.no_grad():
        head.linear.weight.zero_()
        head.linear.bias.fill_(0.5)
    torch.testing.assert_close(head(torch.randn(4, 3)), torch.full((4,), -65.0))
