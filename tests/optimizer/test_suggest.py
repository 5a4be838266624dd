"""The front door: what is proposed, that it is repeatable, and that it beats chance."""

from __future__ import annotations

import itertools
import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.optimizer.spaces import NETWORK, SMALL, SQUARE, a_problem, bowl, failed, open_trial, spell, told
from trimtab_service.domain.proposal import Proposals
from trimtab_service.domain.space import Params
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import History, Observation, Source
from trimtab_service.optimizer.encoding import Encoding
from trimtab_service.optimizer.modelling import Past, model
from trimtab_service.optimizer.pareto import hypervolume
from trimtab_service.optimizer.promising import modelled_reference
from trimtab_service.optimizer.suggest import fallback_proposals, suggest

ALGORITHMS = ("gp", "random", "sobol", "grid")
TWO = {
    "objectives": {
        "accuracy": {"direction": "maximize", "reference": 0.5},
        "size_bytes": {"direction": "minimize", "log": True, "reference": 1e6},
    }
}


def network(params: Params) -> tuple[float, ...]:
    """A stand-in for training: accuracy saturates with size and falls away from the right learning rate."""
    width = params["width_1"] * (params.get("width_2", 16) / 16) ** 0.5
    away = math.log10(params["lr"]) + {"relu": 2.5, "tanh": 2.0, "logistic": 1.5}[str(params["activation"])]
    accuracy = 0.1 + (0.88 - 0.6 * math.exp(-width / 12)) * math.exp(-(away**2)) / (1 + params["alpha"])
    size = 260.0 * width + 40.0 * params.get("width_2", 0)
    return -accuracy, math.log10(size)


def play(
    problem: Problem, objective: Callable[[Params], tuple[float, ...]], trials: int, workers: int = 1
) -> tuple[list[Observation], list[Source]]:
    """A study from its first to its last trial, its states kept as JSON between the asks."""
    history: list[Observation] = []
    sources: list[Source] = []
    states: dict[str, Any] = {}
    running: list[Observation] = []
    for number in range(trials):
        answer = suggest(problem, (*history, *running), states, [number])
        if not answer.items:
            break
        states = json.loads(json.dumps(answer.surrogates)) or states
        (proposal,) = answer.items
        assert problem.space.check(proposal.params) == proposal.params
        sources.append(proposal.source)
        running.append(open_trial(number, proposal.params))
        if len(running) == workers:
            done = running.pop(0)
            history.append(told(done.number, done.params, *objective(done.params)))
    history += [told(one.number, one.params, *objective(one.params)) for one in running]
    return history, sources


def a_history(problem: Problem, n: int) -> list[Observation]:
    encoding = Encoding.of(problem.space)
    rows = encoding.spread(np.random.default_rng(3).random((n, encoding.dims)))
    drawn = [encoding.params(row) for row in rows]
    return [told(i, params, *network(params)[: len(problem.objectives)]) for i, params in enumerate(drawn)]


# --- The order of things --------------------------------------------------------------------------------------------


def test_a_study_begins_with_the_centre_then_fills_the_space_then_models() -> None:
    problem = a_problem(SQUARE)
    history, sources = play(problem, lambda params: (bowl(params),), 9)
    assert history[0].params == {"x": 0.5, "y": 0.5}
    assert sources == [Source.INITIAL] * 5 + [Source.GP] * 4


def test_the_number_of_first_points_is_an_option() -> None:
    problem = a_problem(SQUARE, options={"n_initial": 3})
    assert play(problem, lambda params: (bowl(params),), 5)[1] == [Source.INITIAL] * 3 + [Source.GP] * 2


def test_trials_that_users_told_count_among_the_first_points_and_failures_do_not() -> None:
    problem = a_problem()
    ten = a_history(problem, 10)
    assert suggest(problem, tuple(ten), {}, [10]).items[0].source is Source.GP
    lost = (*ten[:9], failed(9, ten[9].params))
    assert suggest(problem, lost, {}, [10]).items[0].source is Source.INITIAL
    awaited = (*ten[:9], open_trial(9, ten[9].params))
    assert suggest(problem, awaited, {}, [10]).items[0].source is Source.GP


def test_without_two_results_there_is_no_model_however_many_are_pending() -> None:
    problem = a_problem()
    pending = [open_trial(one.number, one.params) for one in a_history(problem, 20)]
    assert suggest(problem, tuple(pending), {}, [20]).items[0].source is Source.INITIAL


# --- No proposal twice ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("objectives", [1, 2])
def test_a_small_space_is_proposed_once_each_then_exhausted(algorithm: str, objectives: int) -> None:
    names = {"loss": "minimize", "other": "maximize"}
    problem = a_problem(
        SMALL, algorithm=algorithm, objectives=dict(itertools.islice(names.items(), objectives))
    )  # fmt: skip

    def objective(params: Params) -> tuple[float, ...]:
        return (float(params["depth"]), float(params.get("momentum", 0.5)))[:objectives]

    history, _ = play(problem, objective, 20, workers=2)
    assert len(history) == 15
    assert len({spell(one.params) for one in history}) == 15


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_configurations_that_failed_or_are_pending_are_not_proposed(algorithm: str) -> None:
    problem = a_problem(SMALL, algorithm=algorithm)
    everything = play(a_problem(SMALL, algorithm="grid"), lambda params: (1.0,), 15)[0]
    history = (
        *(told(one.number, one.params, 0.1 * one.number) for one in everything[:6]),
        *(failed(one.number, one.params) for one in everything[6:9]),
        *(open_trial(one.number, one.params) for one in everything[9:12]),
    )
    answer = suggest(problem, history, {}, [12, 13, 14, 15])
    assert {spell(one.params) for one in answer.items} == {spell(one.params) for one in everything[12:]}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_batch_holds_no_configuration_twice(algorithm: str) -> None:
    problem = a_problem(NETWORK, algorithm=algorithm)
    answer = suggest(problem, tuple(a_history(problem, 12)), {}, list(range(12, 18)))
    assert len({spell(one.params) for one in answer.items}) == 6


def test_the_proposals_of_a_batch_lie_apart() -> None:
    problem = a_problem(SQUARE)
    history, _ = play(problem, lambda params: (bowl(params),), 10)
    batch = suggest(problem, tuple(history), {}, [10, 11, 12, 13]).items
    for one, other in itertools.combinations(batch, 2):
        assert math.dist(tuple(map(float, one.params.values())), tuple(map(float, other.params.values()))) > 0.01


def test_a_batch_is_the_same_as_asking_one_by_one_with_the_others_pending() -> None:
    problem = a_problem()
    history = tuple(a_history(problem, 12))
    batch = suggest(problem, history, {}, [12, 13, 14]).items
    pending = tuple(open_trial(12 + place, one.params) for place, one in enumerate(batch[:2]))
    assert suggest(problem, (*history, *pending), {}, [14]).items == batch[2:]


# --- Repeats --------------------------------------------------------------------------------------------------------


def test_with_repeats_a_small_space_is_asked_of_for_ever_and_new_points_come_first() -> None:
    problem = a_problem(SMALL, options={"repeats": True})
    history, _ = play(problem, lambda params: (float(params["depth"]),), 25, workers=2)
    assert len(history) == 25
    tried = [spell(one.params) for one in history]
    assert len(set(tried[:7])) == 7  # the initial design repeats nothing
    assert len(set(tried)) < 25
    assert min(one.params["depth"] for one in history[15:]) == 1


def test_with_repeats_what_failed_or_is_pending_is_still_not_proposed() -> None:
    problem = a_problem(SMALL, options={"repeats": True})
    everything = play(a_problem(SMALL, algorithm="grid"), lambda params: (1.0,), 15)[0]
    history = (
        *(told(one.number, one.params, 0.1 * one.number) for one in everything[:6]),
        *(failed(one.number, one.params) for one in everything[6:11]),
        *(open_trial(one.number, one.params) for one in everything[11:]),
    )
    again = {spell(one.params) for one in everything[:6]}
    for proposals in (
        suggest(problem, history, {}, range(15, 23)),
        fallback_proposals(problem, history, range(15, 23)),
    ):
        assert {spell(one.params) for one in proposals.items} == again  # each once, since then it is pending
        assert len(proposals.items) == 6
    assert suggest(a_problem(SMALL), history, {}, [15]).items == ()


def test_with_repeats_the_initial_design_of_a_tiny_space_goes_round_again() -> None:
    problem = a_problem({"a": {"type": "int", "low": 1, "high": 3}}, options={"repeats": True, "n_initial": 8})
    history, sources = play(problem, lambda params: (float(params["a"]),), 8)
    assert sources == [Source.INITIAL] * 8
    assert sorted(one.params["a"] for one in history[:3]) == [1, 2, 3]


# --- The same again -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, TWO], ids=["one objective", "two objectives"])
def test_proposals_are_the_same_bit_for_bit_after_a_trip_through_json(changes: dict[str, Any]) -> None:
    problem = a_problem(NETWORK, **changes)
    history = tuple(a_history(problem, 14))
    first = suggest(problem, history, {}, [14])
    more = (*history, told(14, first.items[0].params, *network(first.items[0].params)[: len(problem.objectives)]))
    direct = suggest(problem, more, first.surrogates, [15, 16])
    stored = json.loads(json.dumps(first.surrogates))
    again = suggest(Problem.from_spec(json.loads(json.dumps(problem.to_spec()))), more[::-1], stored, [15, 16])
    assert repr(again) == repr(direct)
    assert set(direct.surrogates) == set(problem.objective_names)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_seed_gives_other_proposals(algorithm: str) -> None:
    answers = {repr(suggest(a_problem(algorithm=algorithm, seed=seed), (), {}, [1, 2, 3])) for seed in range(4)}
    assert len(answers) == 4


def test_proposals_travel_between_processes() -> None:
    problem = a_problem()
    answer = suggest(problem, tuple(a_history(problem, 12)), {}, [12])
    assert pickle.loads(pickle.dumps(answer)) == answer
    assert pickle.loads(pickle.dumps(problem)) == problem


# --- Odd histories --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, TWO], ids=["one objective", "two objectives"])
def test_long_studies_are_modelled_by_a_part_of_their_trials_and_never_repeat_the_rest(
    changes: dict[str, Any],
) -> None:
    problem = a_problem(NETWORK, **changes)
    history = tuple(a_history(problem, 1_000))
    answer = suggest(problem, history, {}, [1_000])
    for state in answer.surrogates.values():
        assert len(state["trials"]) == 300
    assert spell(answer.items[0].params) not in {spell(one.params) for one in history}


@pytest.mark.parametrize(
    "losses",
    [[0.5] * 12, [1e308, -1e308] * 6, [float(10**n) for n in range(12)], [math.inf] * 6 + [1.0] * 6],
    ids=["equal", "huge", "skewed", "half infinite"],
)
def test_odd_losses_still_get_a_proposal(losses: list[float]) -> None:
    problem = a_problem()
    history = tuple(
        told(one.number, one.params, loss) for one, loss in zip(a_history(problem, 12), losses, strict=True)
    )
    (proposal,) = suggest(problem, history, {}, [12]).items
    assert problem.space.check(proposal.params) == proposal.params


@pytest.mark.parametrize("changes", [{}, TWO], ids=["one objective", "two objectives"])
def test_a_fit_that_fails_is_told_and_a_proposal_is_made_all_the_same(changes: dict[str, Any]) -> None:
    problem = a_problem(NETWORK, **changes)
    history = a_history(problem, 12)
    variances = (math.nan, 0.0)[: len(problem.objectives)]
    history[3] = told(3, history[3].params, *history[3].losses, variances=variances)
    answer = suggest(problem, tuple(history), {}, [12])
    assert answer.items[0].source is Source.GP
    fits = [answer.surrogates[name]["diagnostics"]["fit"] for name in problem.objective_names]
    assert fits == ["prior", "map"][: len(fits)]


def test_the_same_configuration_told_twice_is_no_obstacle() -> None:
    problem = a_problem()
    history = a_history(problem, 12)
    history[7] = told(7, history[6].params, 0.4)
    assert suggest(problem, tuple(history), {}, [12]).items


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_with_nothing_to_choose_one_proposal_is_made_then_none(algorithm: str) -> None:
    problem = a_problem({"only": {"type": "constant", "value": 1}}, algorithm=algorithm)
    assert [one.params for one in suggest(problem, (), {}, [0, 1]).items] == [{"only": 1}]
    repeated = tuple(told(number, {"only": 1}, float(number)) for number in range(12))
    assert suggest(problem, repeated, {}, [12]).items == ()


def test_states_of_an_earlier_fit_are_not_needed_nor_trusted() -> None:
    problem = a_problem()
    history = tuple(a_history(problem, 12))
    odd: dict[str, Any] = {"loss": {"theta": {"unknown": 1.0}}, "other": {}}
    assert suggest(problem, history, odd, [12]).items == suggest(problem, history, {}, [12]).items


# --- Better than chance ---------------------------------------------------------------------------------------------


def test_the_model_beats_random_search_on_a_smooth_function() -> None:
    gains = []
    for seed in range(4):
        best = {}
        for algorithm in ("gp", "random"):
            problem = a_problem(SQUARE, algorithm=algorithm, seed=seed)
            history, _ = play(problem, lambda params: (bowl(params),), 18)
            best[algorithm] = min(one.losses[0] for one in history)
        gains.append(best["random"] / best["gp"])
    assert min(gains) > 1.0
    assert float(np.median(gains)) > 10.0


def test_the_model_beats_random_search_and_grid_at_two_objectives_with_two_workers() -> None:
    volumes: dict[str, list[float]] = {"gp": [], "random": [], "grid": []}
    for algorithm, seed in itertools.product(volumes, range(3)):
        problem = a_problem(NETWORK, algorithm=algorithm, seed=seed, **TWO)
        history, _ = play(problem, network, 24, workers=2)
        volumes[algorithm].append(hypervolume([one.losses for one in history], [-0.5, 6.0]))
    assert min(volumes["gp"]) > max(volumes["random"] + volumes["grid"])


def test_a_given_reference_is_where_the_objective_says_and_others_are_inferred() -> None:
    """Also where it is worse than all that the models see, whose bad side is cut."""
    problem = a_problem(
        NETWORK,
        objectives={"accuracy": {"direction": "maximize", "reference": -30.0}, "size_bytes": "minimize"},
    )
    encoding = Encoding.of(problem.space)
    past = Past.of(encoding, 2, tuple(a_history(problem, 12)))
    models = model(problem, encoding, past, {})
    means = np.array([[0.0, -1.0], [-1.0, 1.0]])
    reference = modelled_reference(problem.objectives, models, means)
    assert models[0].warp.invert(reference[:1])[0] == pytest.approx(30.0)
    assert reference[1] == pytest.approx(1.2)


@pytest.mark.parametrize("objectives", [3, 4])
def test_more_objectives_without_references_are_modelled_too(objectives: int) -> None:
    names = ["a", "b", "c", "d"][:objectives]
    problem = a_problem(SQUARE, objectives=dict.fromkeys(names, "minimize"))
    corners = [(0.1, 0.1), (0.9, 0.1), (0.5, 0.9), (0.2, 0.6)][:objectives]

    def distances(params: Params) -> tuple[float, ...]:
        return tuple((params["x"] - x) ** 2 + (params["y"] - y) ** 2 for x, y in corners)

    history, sources = play(problem, distances, 9)
    assert sources[-1] is Source.GP
    modelled = [one.params for one, source in zip(history, sources, strict=True) if source is Source.GP]
    assert all(0.0 <= params["x"] <= 1.0 for params in modelled)


def test_nothing_is_proposed_when_no_number_is_given() -> None:
    empty: History = ()
    assert suggest(a_problem(), empty, {}, []) == Proposals((), {})
