"""MovieLens: reading its tables, sessions, what came before a moment, targets, splits by time, one's own example."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tasks import registry
from tasks.base import DataUnavailableError, Split
from tasks.data.movielens_examples import Period, examples_of, periods_of
from tasks.data.movielens_histories import CENTRES, GAP, SCALES, History, Moments, history_at, numbers, sessions_of
from tasks.data.movielens_ratings import ITEMS, Films, Log, Users, parse_ratings, read_movielens
from tasks.scoring.binary import logistic_loss
from tasks.suites.movielens import MovieLens
from tests.tasks.movielens_files import DAY, FACTS, START, write_example, write_movielens, write_ratings

TASKS = ["click", "conversion", "churn"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("movielens")
    write_movielens(written)
    return written


@pytest.fixture(scope="module")
def tables(folder: Path) -> tuple[Log, Users, Films]:
    return read_movielens(folder)


@pytest.fixture(scope="module")
def split(tables: tuple[Log, Users, Films]) -> Split:
    """Everything as one period."""
    return examples_of(tables, Period("train", 0, START + 400 * DAY), START + 400 * DAY, 1, 5)


def log_of(*rows: tuple[int, int, int, int]) -> Log:
    return parse_ratings("\n".join(["names", *("\t".join(map(str, row)) for row in rows)]))


def part_of(log: Log, where: np.ndarray) -> Log:
    return Log(*(column[where] for column in log))


def history_of(log: Log, user: int, item: int, time: int, start: int, films: Films) -> dict[str, float]:
    moments = Moments(*(np.array([value]) for value in (user, item, time, start)))
    return {name: float(values[0]) for name, values in history_at(moments, log, films)._asdict().items()}


def films_with(year: int = 1990) -> Films:
    genres = np.zeros((ITEMS + 1, 19), np.bool_)
    genres[:, 5] = True
    genres[8, 5:7] = [False, True]  # film 8 has another genre than all others
    genres[9, 6] = True  # film 9 has both
    return Films(np.full(ITEMS + 1, year), genres)


def test_tables_are_read_by_id_and_ratings_in_the_order_of_time(tables: tuple[Log, Users, Films]) -> None:
    log, users, films = tables
    assert (np.diff(log.time) >= 0).all()
    assert (users.age[1], users.gender[1], users.occupation[20]) == (8, 1, 20)
    assert films.year[50] == 1951
    assert np.flatnonzero(films.genres[1]).tolist() == [1, 6]
    assert len(log.user) == len(set(zip(log.user.tolist(), log.item.tolist(), strict=True)))


def test_a_session_ends_after_an_hour_without_a_rating() -> None:
    log = log_of(
        (1, 1, 3, 100), (2, 2, 3, 200), (1, 3, 3, 100 + GAP), (1, 4, 3, 101 + 2 * GAP), (1, 5, 3, 101 + 2 * GAP)
    )
    sessions = sessions_of(log)
    assert sessions.start.tolist() == [100, 200, 100, 101 + 2 * GAP, 101 + 2 * GAP]
    assert sessions.end.tolist() == [100 + GAP, 200, 100 + GAP, 101 + 2 * GAP, 101 + 2 * GAP]
    assert (sessions.next < 1e9).tolist() == [True, False, True, False, False]
    assert sessions.last.tolist() == [False, True, True, False, True]


def test_a_history_counts_what_came_before_by_hand() -> None:
    time = START + 10 * DAY
    log = log_of(
        *((1, 7, 5, START), (1, 8, 2, START + 60), (1, 9, 4, time - 1800), (1, 10, 1, time), (1, 11, 1, time + 5)),
        *((2, 10, 5, START + 5), (3, 10, 4, time - 1), (4, 10, 1, time)),
    )
    history = history_of(log, 1, 10, time, time - 1800, films_with())
    assert history["ratings_before"] == 3
    assert history["ratings_in_session"] == 1
    assert history["sessions_before"] == 1
    assert history["days_since_first"] == 10
    assert history["hours_since_latest"] == 0.5
    assert history["mean_before"] == pytest.approx(11 / 3)
    assert (history["item_ratings_before"], history["item_mean_before"]) == (2, 4.5)
    assert (history["genre_ratings_before"], history["genre_mean_before"]) == (2, 4.5)  # films 7 and 9
    both = history_of(log, 1, 9, time, time - 1800, films_with())
    assert both["genre_ratings_before"] == 2  # films 7 and 9 in one genre, 8 and 9 in the other
    assert both["genre_mean_before"] == pytest.approx((5 + 4 + 2 + 4) / 4)
    assert history["item_years"] == 7  # 1997


def test_where_nothing_came_before_means_are_not_there_and_numbers_are_finite() -> None:
    history = history_of(log_of((1, 7, 5, START)), 1, 7, START, START, films_with(0))
    assert [name for name, value in history.items() if np.isnan(value)] == [
        "mean_before",
        "item_mean_before",
        "genre_mean_before",
        "item_years",
    ]
    assert np.isfinite(numbers(History(*(np.array([value]) for value in history.values())))).all()


@pytest.mark.parametrize("seed", range(20))
def test_the_history_at_a_moment_is_that_of_a_log_that_ends_before_it(
    tables: tuple[Log, Users, Films], seed: int
) -> None:
    log, _, films = tables
    event = int(np.random.default_rng(seed).integers(20, len(log.time)))
    start = int(sessions_of(log).start[event])
    moment = (int(log.user[event]), int(log.item[event]), int(log.time[event]), start, films)
    assert history_of(log, *moment) == pytest.approx(
        history_of(part_of(log, log.time < log.time[event]), *moment), nan_ok=True, abs=0
    )


def test_a_split_is_the_same_whatever_comes_after_it(tables: tuple[Log, Users, Films]) -> None:
    log, users, films = tables
    sessions = sessions_of(log)
    end = START + 100 * DAY
    while ((sessions.start < end) & (sessions.end >= end)).any():
        end += 1
    period = Period("train", START, end)
    whole = examples_of(tables, period, end, 2, 5)
    alone = examples_of((part_of(log, log.time < end), users, films), period, end, 2, 5)
    changed = log._replace(rating=np.where(log.time < end, log.rating, 6 - log.rating))
    other = examples_of((changed, users, films), period, end, 2, 5)
    assert len(whole) > 100
    assert set(whole.targets["churn"].tolist()) == {-100.0, 0.0, 1.0}
    for one in (alone, other):
        for part in ("inputs", "targets"):
            for name, values in getattr(whole, part).items():
                assert torch.equal(values, getattr(one, part)[name]), name


def test_splits_follow_each_other_in_time_and_no_session_is_in_two(tables: tuple[Log, Users, Films]) -> None:
    log, *_ = tables
    periods = periods_of(log)
    assert [period.end for period in periods[:2]] == [period.begin for period in periods[1:]]
    shares = [((log.time >= p.begin) & (log.time < p.end)).mean() for p in periods]
    assert shares == pytest.approx([0.7, 0.15, 0.15], abs=0.01)
    sessions = sessions_of(log)
    across = ((sessions.start < periods[1].begin) & (sessions.end >= periods[1].begin)).sum()
    inside = [((sessions.start >= p.begin) & (sessions.end < p.end)).sum() for p in periods]
    assert sum(inside) <= len(log.time) - across


def test_what_was_not_rated_is_drawn_from_films_that_the_user_had_not_rated_by_the_end_of_the_session() -> None:
    others = [(2, item, 3, START - 9 * DAY + item) for item in range(1, ITEMS + 1)]  # who makes all films known
    session = [(1, item, 3, START + item) for item in range(1, ITEMS - 2)]  # all films but three
    later = (1, ITEMS, 3, START + 9 * DAY)
    films = films_with()._replace(year=1997 - np.arange(ITEMS + 1))  # the age of a film tells which it is
    split = examples_of(
        (log_of(*others, *session, later), Users(*(np.zeros(944, np.int64) for _ in range(3))), films),
        Period("train", START, START + 8 * DAY),
        START + 8 * DAY,
        1,
        2,
    )
    click = split.targets["click"] == 1
    item = torch.expm1(split.inputs["history"][:, -1].double() * SCALES[-1] + CENTRES[-1]).round()
    assert item[click].tolist() == list(range(1, ITEMS - 2))
    assert set(item[~click].tolist()) == {ITEMS - 2, ITEMS - 1, ITEMS}  # the last is rated in a later session only
    assert 100 < int((~click).sum()) < ITEMS - 3  # three in 1,682 are not found for every rating


def test_every_rating_is_an_example_followed_by_those_not_rated(split: Split, tables: tuple[Log, Users, Films]) -> None:
    log, *_ = tables
    rated = split.targets["conversion"] != -100
    assert torch.equal(split.targets["conversion"][rated], torch.from_numpy(log.rating >= 4).float())
    assert (split.targets["click"][~rated] == 0).all()
    drawn = torch.nonzero(~rated).flatten()
    assert 0.9 * len(log.time) < len(drawn) <= len(log.time), "at first there are few films to draw from"
    assert rated[drawn - 1].all()
    own = [0, 1, 2, 3, 4, 6]  # columns about the user alone
    assert torch.equal(split.inputs["history"][drawn - 1][:, own], split.inputs["history"][drawn][:, own])


def test_a_film_is_not_drawn_before_its_first_rating_which_tells_of_no_click(
    split: Split, tables: tuple[Log, Users, Films]
) -> None:
    log, *_ = tables
    before = torch.expm1(split.inputs["history"][:, 5].double() * SCALES[5] + CENTRES[5]).round()  # ratings of the film
    rated = split.targets["conversion"] != -100
    assert (before[~rated] >= 1).all()
    assert torch.equal(split.targets["click"][rated], torch.where(before[rated] > 0, 1.0, -100.0))
    assert (before[rated] == 0).sum() >= len(np.unique(log.item)), "some films begin with two ratings at once"


def test_churn_is_asked_at_the_last_rating_of_a_session_if_it_can_be_told(tables: tuple[Log, Users, Films]) -> None:
    _, users, films = tables
    log = log_of(
        *((1, 1, 3, START), (1, 2, 3, START + 9), (1, 3, 3, START + 4 * DAY), (1, 4, 3, START + 20 * DAY)),
        (2, 5, 3, START + 16 * DAY),
    )
    split = examples_of((log, users, films), Period("train", 0, START + 20 * DAY + 1), START, 1, 5)
    rated = split.targets["conversion"] != -100
    asked = split.targets["churn"][rated]
    # It goes on; this session's last rating, after which the user comes back within five days; the longest pause; and
    # two sessions that are too late to be told, of which one is the user's only one.
    assert asked.tolist() == [-100.0, 0.0, 1.0, -100.0, -100.0]
    assert (split.targets["churn"][~rated] == -100).all()


def test_users_and_films_are_known_from_training_and_from_before_alone(tables: tuple[Log, Users, Films]) -> None:
    log, *_ = tables
    train, _, test = periods_of(log)
    split = examples_of(tables, train, train.end, 1, 5)
    rated = split.targets["conversion"] != -100
    sessions = sessions_of(log)
    inside = (sessions.start >= train.begin) & (sessions.end < train.end)
    begun = {int(user): int(log.time[log.user == user].min()) for user in np.unique(log.user)}
    came_back = np.array([begun[int(u)] < s for u, s in zip(log.user[inside], sessions.start[inside], strict=True)])
    assert torch.equal(split.inputs["user"][rated], torch.from_numpy(np.where(came_back, log.user[inside], 0)))
    later = examples_of(tables, test, train.end, 1, 5)
    new = {user for user, time in begun.items() if time >= train.end}
    assert new
    assert not new & set(later.inputs["user"].tolist())
    trained_films = set(log.item[log.time < train.end].tolist()) | {0}
    assert set(later.inputs["item"].tolist()) <= trained_films


def test_an_id_that_training_has_not_seen_means_the_same_as_none(folder: Path) -> None:
    suite = registry.create("movielens", churn_days=5)
    splits = suite.load(folder)
    model = suite.build(0, TASKS)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    batch = splits.train
    for _ in range(3):
        _, outputs = model(batch.inputs)
        loss = torch.stack([task.loss(outputs[task.name], batch.targets[task.name]) for task in suite.tasks]).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    trained_users = set(batch.inputs["user"].tolist())
    some = {name: values[:5] for name, values in batch.inputs.items()}
    features = [
        model.encoder(**{**some, "user": torch.full((5,), user)})
        for user in (0, next(user for user in range(1, 944) if user not in trained_users), max(trained_users))
    ]
    assert torch.equal(features[0], features[1])
    assert not torch.equal(features[0], features[2])


def test_the_loss_is_the_mean_over_targets_that_are_there() -> None:
    outputs = torch.tensor([0.3, -1.0, 2.0], requires_grad=True)
    loss = logistic_loss(outputs, torch.tensor([1.0, -100.0, 0.0]))
    expected = -(torch.sigmoid(outputs[0]).log() + torch.sigmoid(-outputs[2]).log()) / 2
    torch.testing.assert_close(loss, expected)
    nothing = logistic_loss(outputs, torch.full((3,), -100.0))
    assert nothing.item() == 0
    (gradient,) = torch.autograd.grad(nothing, outputs)
    assert (gradient == 0).all()


def test_training_lowers_every_loss(folder: Path) -> None:
    suite = registry.create("movielens", churn_days=5)
    batch = suite.load(folder).train
    model = suite.build(0, TASKS)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses_by_step = []
    for _ in range(100):
        _, outputs = model(batch.inputs)
        losses = torch.stack([task.loss(outputs[task.name], batch.targets[task.name]) for task in suite.tasks])
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        losses_by_step.append(losses.detach())
    assert (losses_by_step[-1] < 0.9 * losses_by_step[0]).all()


def test_files_may_lie_in_a_folder_of_the_data_sets_name(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "ml-100k").mkdir()
    write_movielens(tmp_path / "ml-100k")
    assert np.array_equal(read_movielens(tmp_path)[0].time, read_movielens(folder)[0].time)


def test_an_example_of_ones_own_is_read_as_the_data_are(tmp_path: Path, tables: tuple[Log, Users, Films]) -> None:
    log, users, films = tables
    event = len(log.time) // 2
    user, item, start = int(log.user[event]), int(log.item[event]), int(sessions_of(log).start[event])
    history = history_of(log, user, item, int(log.time[event]), start, films)
    cells = {name: "" if np.isnan(value) else repr(value) for name, value in history.items()}
    facts = {"age": str(users.age[user]), "gender": "FM"[users.gender[user]], "genres": "Action Crime"}
    read = MovieLens().read(write_example(tmp_path / "one.csv", **FACTS | cells | facts))
    whole = examples_of(tables, Period("test", 0, START + 400 * DAY), START, 1, 5)
    place = torch.nonzero(whole.targets["conversion"] != -100).flatten()[event]
    row = {name: values[place] for name, values in whole.inputs.items()}
    assert torch.equal(read["history"][0], row["history"])
    assert int(read["age"]) == int(row["age"])
    assert (int(read["user"]), int(read["item"])) == (5, 0)
    model = MovieLens().build(0, TASKS).eval()
    with torch.no_grad():
        answers = MovieLens().answers("", model(read)[1])
    assert list(answers) == TASKS
    assert answers["churn"].endswith("% (and after this session nothing for 14 days)")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"user": "944"}, "between 0 and 943"),
        ({"gender": "?"}, "has a cell that cannot be read"),
        ({"genres": "Opera"}, "has a cell that cannot be read"),
        ({"ratings_before": "many"}, "has a cell that cannot be read"),
        ({"shoe_size": "44"}, "must have the columns user, item, age"),
    ],
)
def test_an_example_without_sense_is_refused(tmp_path: Path, cells: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MovieLens().read(write_example(tmp_path / "one.csv", **cells))


def test_a_file_that_is_none_or_holds_several_examples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        MovieLens().read(str(tmp_path / "absent.csv"))
    file = Path(write_example(tmp_path / "two.csv"))
    file.write_text(file.read_text() + file.read_text().splitlines()[1] + "\n")
    with pytest.raises(ValueError, match="one example, not 2"):
        MovieLens().read(str(file))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(1, 1, 6, 5)], "rating is not between"),
        ([(944, 1, 3, 5)], "user is not between"),
        ([(1, 1, 3, 5), (1, 1, 4, 6)], "rates a film twice"),
        ([], "no lines"),
    ],
)
def test_damaged_ratings_are_named(folder: Path, tmp_path: Path, rows: list, message: str) -> None:
    write_movielens(tmp_path, users=1)
    write_ratings(tmp_path, rows)
    with pytest.raises(DataUnavailableError, match=rf"ml-100k.inter of MovieLens-100k cannot be read \(.*{message}"):
        read_movielens(tmp_path)


def test_tables_that_are_cut_short_or_of_another_form_are_named(tmp_path: Path) -> None:
    write_movielens(tmp_path, users=1)
    users = tmp_path / "ml-100k.user"
    lines = users.read_text().splitlines()
    users.write_text("\n".join(lines[:-1]))
    with pytest.raises(DataUnavailableError, match="ids are not those from 1 to 943"):
        read_movielens(tmp_path)
    users.write_text("\n".join([*lines, "1\t2"]))
    with pytest.raises(DataUnavailableError, match="has 2 columns where 5"):
        read_movielens(tmp_path)
    users.write_bytes(b"\xff\xfe")
    with pytest.raises(DataUnavailableError, match=r"ml-100k\.user"):
        read_movielens(tmp_path)


def test_width_is_that_of_the_shared_layers() -> None:
    wide = {w: MovieLens(width=w).build(0, TASKS).state_dict() for w in (16, 128)}
    shapes = {w: [len(state[f"encoder.{layer}.weight"]) for layer in ("first", "last")] for w, state in wide.items()}
    assert shapes == {16: [16, 8], 128: [128, 64]}
    usual = MovieLens().build(0, TASKS).state_dict()
    assert all(torch.equal(value, usual[name]) for name, value in wide[128].items())


@pytest.mark.parametrize(
    "options", [{"negatives": 0}, {"churn_days": 0}, {"churn_days": 90}, {"width": 0}, {"width": 9}]
)
def test_options_without_sense_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        registry.create("movielens", **options)


@pytest.mark.network
def test_the_real_ratings_give_the_stated_counts() -> None:
    try:
        splits = MovieLens().load()
    except DataUnavailableError as error:
        pytest.skip(str(error))
    assert [len(split) for split in splits] == [139_874, 29_102, 29_682]
    asked = [split.targets["churn"][split.targets["churn"] >= 0] for split in splits]
    assert [len(targets) for targets in asked] == [1648, 359, 245]
    assert all(0.4 < float(targets.mean()) < 0.6 for targets in asked)
