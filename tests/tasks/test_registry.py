"""Finding suites by name."""

from __future__ import annotations

import pytest

from tasks import registry
from tasks.suites.plane import TwoTaskPlane


@pytest.fixture
def own_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    registry.names()  # scan before copying
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))


def test_the_scan_imports_suites_and_leaves_their_helpers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []
    monkeypatch.setattr(registry.importlib, "import_module", imported.append)
    registry._scan.__wrapped__()
    assert {"tasks.suites.plane", "tasks.suites.multimnist"} <= set(imported)
    assert [name for name in imported if name.rpartition(".")[2].startswith("_")] == []


def test_all_suites_are_found_by_the_scan() -> None:
    assert {"plane", "gradnorm-regression-2", "gradnorm-regression-10", "multimnist", "reviews"} <= set(
        registry.names()
    )


def test_every_suite_knows_its_name_and_says_what_it_is() -> None:
    for name in registry.names():
        suite = registry.create(name)
        assert suite.name == name
        assert suite.version >= 1
        assert suite.summary
        for word in ("source:", "licence:", "splits:", "tasks:", "metric", "encoder:"):
            assert word in (type(suite).__doc__ or "").lower()


def test_an_unknown_suite_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown suite: 'multimnits'; did you mean 'multimnist'"):
        registry.create("multimnits")
    with pytest.raises(ValueError, match="did you mean 'reviews'"):
        registry.resolve("review")


def test_an_unknown_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown option of suite 'reviews': 'sentence'; did you mean 'sentences'"):
        registry.create("reviews", sentence=10)
    with pytest.raises(ValueError, match="unknown option of suite 'plane': 'scale'"):
        registry.create("plane", scale=1)


def test_what_a_name_fixes_is_no_option() -> None:
    with pytest.raises(ValueError, match="unknown option"):
        registry.create("gradnorm-regression-2", scales=(1.0, 2.0, 3.0))


def test_options_reach_the_suite() -> None:
    assert len(registry.create("gradnorm-regression-2", examples=50).load().train) == 50


def test_defaults_are_those_of_options_that_a_protocol_may_set() -> None:
    assert registry.defaults("multimnist") == {
        "digits": "auto",
        "train_pairs": 10_000,
        "other_pairs": 2_000,
        "width": 10,
    }
    assert "_model" not in registry.defaults("reviews")
    by_size = {size: registry.defaults(f"gradnorm-regression-{size}") for size in (2, 10)}
    assert by_size[2] == by_size[10], "what their names fix is no option"
    with pytest.raises(ValueError, match="did you mean 'reviews'"):
        registry.defaults("review")


def test_a_family_means_all_its_members_and_a_name_itself() -> None:
    assert registry.resolve("gradnorm-regression") == ["gradnorm-regression-10", "gradnorm-regression-2"]
    assert registry.resolve("plane") == ["plane"]


@pytest.mark.usefixtures("own_entries")
def test_a_suite_can_be_registered_once_under_each_of_several_names() -> None:
    registry.register("plane-again")(TwoTaskPlane)
    assert registry.create("plane-again").name == "plane-again"
    assert registry.create("plane").name == "plane"
    with pytest.raises(ValueError, match="registered already"):
        registry.register("plane-again")(TwoTaskPlane)
