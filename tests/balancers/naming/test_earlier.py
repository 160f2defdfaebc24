"""Programs and pickles that were written before modules were moved still work."""

import pickle
import subprocess
import sys

import pytest
import torch

from balancers import Balancer
from balancers.naming.earlier import MOVED, RENAMED

LOSSES = [2.0, 3.0]


def stepped(name: str) -> Balancer:
    balancer = Balancer(name, 2)
    point = torch.ones(2, requires_grad=True)
    balancer.backward(point * torch.tensor(LOSSES), shared=[point])
    return balancer


@pytest.mark.parametrize("name", ["pcgrad", "config", "imtl-l", "every:2:smoothed:0.5:uncertainty", "torchjd:UPGrad"])
def test_a_balancer_pickled_under_the_earlier_names_is_the_same(name: str) -> None:
    if name.startswith("torchjd"):
        pytest.importorskip("torchjd")
    balancer = stepped(name)
    pickled = pickle.dumps(balancer, protocol=0)  # names stand in it as lines of text
    for earlier, today in (*MOVED.items(), ("balancers.wrappers", "balancers.wrappers.wrappers")):
        pickled = pickled.replace(f"c{today}\n".encode(), f"c{earlier}\n".encode())
    for (_, earlier), today in RENAMED.items():
        pickled = pickled.replace(f"\n{today}\n".encode(), f"\n{earlier}\n".encode())
    again = pickle.loads(pickled)
    assert repr(again) == repr(balancer)
    assert all(map(torch.equal, again.state, balancer.state))
    assert torch.equal(again.weights, balancer.weights)


def test_the_pickles_hold_the_names_that_are_replaced() -> None:
    pickled = pickle.dumps(stepped("pcgrad"), protocol=0)
    assert f"c{MOVED['balancers.draws']}\n".encode() in pickled
    assert f"c{MOVED['balancers.methods.config']}\nConFIG\n".encode() in pickle.dumps(stepped("config"), protocol=0)


def test_the_pickles_of_torchjd_hold_the_name_that_is_replaced() -> None:
    pytest.importorskip("torchjd")
    pickled = pickle.dumps(stepped("torchjd:UPGrad"), protocol=0)
    assert all(f"c{module}\n{today}\n".encode() in pickled for (module, _), today in RENAMED.items())


@pytest.mark.parametrize(
    "program",
    [
        "import balancers.base; balancers.base.Weighting",
        "from balancers.draws import Draws; from balancers.methods.config import ConFIG",
        "from balancers.solvers import min_norm, simplex_qp, dual_cone, bargain; min_norm(__import__('torch').eye(2))",
        "from tasks.base import Suite, accuracy; from tasks.registry import register; import tasks.offline",
        "from tasks.sources import locate; import tasks.sources; tasks.sources.Distribution",
        "from benchmarks import models; from benchmarks.models import load, predict; models.answer",
    ],
)
def test_the_addresses_of_earlier_programs_are_still_there(program: str) -> None:
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_pickles_from_before_losses_were_remembered_go_on() -> None:
    balancer = stepped("gls")
    del balancer.__dict__["_largest_losses"]
    again = pickle.loads(pickle.dumps(balancer))
    point = torch.ones(2, requires_grad=True)
    again.backward(point * torch.tensor(LOSSES), shared=[point])


@pytest.mark.parametrize(("name", "earlier"), [("cagrad", "CAGrad(c=0.4, rescale=0)"), ("upgrad", "UPGrad()")])
def test_checkpoints_from_before_a_hyperparameter_was_added_can_be_loaded(name: str, earlier: str) -> None:
    balancer = Balancer(name, 2)
    saved = balancer.state_dict()
    today = repr(balancer.weighting).encode()
    text = bytes(saved["_extra_state"].tolist()).replace(today, earlier.encode())
    balancer.load_state_dict(saved | {"_extra_state": torch.tensor(list(text), dtype=torch.uint8)})
    other = Balancer(name, 2, preference=[1.0, 2.0])
    with pytest.raises(ValueError, match="of another balancer"):
        other.load_state_dict(saved)
