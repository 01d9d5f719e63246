"""Back-patching on fieldmouse's two-hop questions, of which it fails some though it knows both hops."""

from __future__ import annotations

from dataclasses import replace as with_fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jackfield.bench import Bench
from jackfield.errors import ConfigError, JackfieldError, ResultError, TaskError
from jackfield.hooked_model import HookedModel
from jackfield.organism import world
from jackfield.registry import Registry
from jackfield.side_questions import SideQuestion
from jackfield_plugins.back_patching import states
from jackfield_plugins.back_patching.analysis import BackPatching
from jackfield_plugins.back_patching.cases import CATEGORIES, REPEATED, RIGHT, SHORTCUT, UNKNOWN, WRONG, Cases
from jackfield_plugins.back_patching.result import BackPatchingResult
from jackfield_plugins.back_patching.routes import Route
from jackfield_plugins.back_patching.states import Content


def benched(model: HookedModel, task: str = "two_hop.out_of_distribution", pairs: int = 300) -> Bench:
    registry = Registry.discover()
    return Bench.prepare(model, registry.task(task), registry.metric("logit_difference"), pairs, seed=1)


@pytest.fixture(scope="module")
def bench(fieldmouse: HookedModel) -> Bench:
    return benched(fieldmouse)


@pytest.fixture(scope="module")
def small(bench: Bench) -> Bench:
    """A few pairs, among them wrong ones."""
    return with_fields(bench, pairs=bench.pairs.select(range(80)), set_aside=None)


def patch(bench: Bench, **settings: Any) -> BackPatchingResult:
    return BackPatching().run(bench, BackPatching.Config.parse(settings))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def result(bench: Bench) -> BackPatchingResult:
    return patch(bench, tokens=4)


def at(result: BackPatchingResult, name: str, route: Route, content: Content = Content.OWN) -> float:
    return float(result.data[name].sel(route=str(route), content=str(content)))


def test_the_embedding_as_target_repairs_nearly_all_held_out_cases_and_clears_every_control(
    result: BackPatchingResult,
) -> None:
    assert at(result, "held_out_low", Route.EMBEDDING) > 0.8
    assert result.uncleared(Route.EMBEDDING) == []
    for content in (Content.UNRELATED, Content.NOISE):
        assert at(result, "held_out_high", Route.EMBEDDING, content) < 0.5
    assert at(result, "spoken_low", Route.EMBEDDING) > 0.8
    assert at(result, "preserved_low", Route.EMBEDDING) > 0.8
    assert at(result, "preserved_high", Route.EMBEDDING, Content.NOISE) < 0.5


def test_the_oracle_over_pairs_promises_more_than_the_pair_that_was_chosen_beforehand(
    result: BackPatchingResult,
) -> None:
    for content in Content:
        oracle, honest = (at(result, name, Route.BLOCKS, content) for name in ("oracle", "held_out"))
        assert oracle > honest + 0.05


def test_what_is_reported_was_chosen_on_other_cases(bench: Bench, result: BackPatchingResult) -> None:
    data, reported = result.data, result.data["reported"].values
    half, _ = Cases.sort(bench, keep_shortcuts=False).wrong.half_rows(bench.draw("halves"))
    assert np.flatnonzero(~reported).tolist() == half
    for content in Content:
        success = data["rank"].sel(content=str(content)) == 0
        for route in data["route"].values.tolist():
            members = success.isel(patch=data["route_of"].values == route)
            chosen = members.isel(case=~reported).mean("case")
            best = data["best"].sel(route=route, content=str(content)).item()
            assert best == chosen["patch"].values[int(chosen.values.argmax())]
            told = float(data["held_out"].sel(route=route, content=str(content)))
            assert told == pytest.approx(float(members.isel(case=reported).sel(patch=best).mean()))


def naively(model: HookedModel, prompt: str, column: int, source: str, target: str) -> torch.Tensor:
    """The next token's logits of one prompt, read once and patched in a second run, on the bridge alone."""
    tokens, kept = model.tokenize([prompt]).tokens, []

    def take(activation: torch.Tensor, hook: object) -> None:
        kept.append(activation[0, column].clone())

    def write(activation: torch.Tensor, hook: object) -> torch.Tensor:
        activation = activation.clone()
        activation[0, column] = kept[0]
        return activation

    with torch.no_grad():
        model.bridge.run_with_hooks(tokens, fwd_hooks=[(source, take)])
        logits: torch.Tensor = model.bridge.run_with_hooks(tokens, fwd_hooks=[(target, write)])[0, -1]
    return logits


@pytest.mark.parametrize(
    ("source", "target", "position"), [(4, 1, "FIRST"), (5, 2, "END"), (5, None, "FIRST"), (0, 5, "END")]
)
def test_ranks_are_those_of_a_naive_loop_on_single_prompts(
    bench: Bench, result: BackPatchingResult, source: int, target: int | None, position: str
) -> None:
    wrong = Cases.sort(bench, keep_shortcuts=False).wrong
    site = "resid_pre.0" if target is None else f"resid_post.{target}"
    found = result.data["rank"].sel(content="own state", patch=f"resid_post.{source}->{site}@{position}").values
    hooks = [f"blocks.{source}.hook_resid_post", f"blocks.{target or 0}.hook_{site.partition('.')[0]}"]
    for row in range(0, len(wrong), 5):
        logits = naively(bench.model, wrong.pairs[row].clean, int(wrong.positions[position][row]), *hooks)
        assert found[row] == int((logits > logits[wrong.answers[row]].max()).sum())


def test_states_that_carry_nothing_are_no_findings(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = states.states

    def strange(model: HookedModel, pairs: Any, found: Any, task: str) -> Any:
        other = pairs.unrelated_rows(bench.draw("another unrelated prompt"))
        return {place: state[other] for place, state in taken(model, pairs, found, task).items()}

    monkeypatch.setattr(states, "states", strange)
    result = patch(bench, sources=[0, 3, 5], tokens=1)
    assert int(result.findings.sum()) <= 1
    assert result.to_circuit().findings().edges == ()
    for route in (Route.BLOCKS, Route.EMBEDDING):
        assert "unrelated prompt" in result.uncleared(route)
        assert "not clear of: unrelated prompt" in " ".join(result.summary())


def test_cases_are_sorted_by_what_the_model_knows(bench: Bench) -> None:
    cases = Cases.sort(bench, keep_shortcuts=False)
    assert cases.counts.keys() == {*CATEGORIES}
    assert sum(cases.counts.values()) == bench.pairs.drawn
    assert (len(cases.wrong), len(cases.right)) == (cases.counts[WRONG], cases.counts[RIGHT])
    asked = [pair.clean for batch in (cases.wrong, cases.right) for pair in batch.pairs]
    assert len(asked) == len({*asked})
    facts = world.knowledge_base().facts
    for batch, right in ((cases.wrong, False), (cases.right, True)):
        logits = bench.model.answer_logits(bench.model.run(batch.clean), batch.clean)
        guesses = [bench.model.token_text(token) for token in logits.argmax(-1).tolist()]
        for pair, guess in zip(batch.pairs, guesses, strict=True):
            start, _, first, _, second = pair.clean.split()
            assert (guess == facts[facts[start, first], second]) is right
            assert facts[start, second] not in pair.answers


def test_hops_that_the_model_does_not_know_and_shortcuts_are_counted(small: Bench) -> None:
    pairs = list(small.pairs.pairs)
    pairs[0] = with_fields(pairs[0], hops=(SideQuestion("first hop", pairs[0].hops[0].prompt, ("pizza",)),))
    asked = with_fields(small, pairs=with_fields(small.pairs, pairs=tuple(pairs)))
    before, after = (Cases.sort(one, keep_shortcuts=False).counts for one in (small, asked))
    assert (before[UNKNOWN], after[UNKNOWN]) == (0, 1)
    kept = Cases.sort(small, keep_shortcuts=True).counts
    assert kept[SHORTCUT] == 0 < before[SHORTCUT]
    assert kept[WRONG] + kept[RIGHT] == before[WRONG] + before[RIGHT] + before[SHORTCUT]
    assert kept[REPEATED] == before[REPEATED] == len(pairs) - len({pair.clean for pair in pairs})


def test_nothing_that_is_known_leaves_nothing_to_repair(small: Bench) -> None:
    pairs = [
        with_fields(pair, hops=(SideQuestion("first hop", pair.hops[0].prompt, ("pizza",)),))
        for pair in small.pairs.pairs
    ]
    unknown = with_fields(small, pairs=with_fields(small.pairs, pairs=tuple(pairs)))
    with pytest.raises(TaskError, match=r"leaves 0 of 80 .* to be repaired, and 4 are needed .*a hop unknown: \d\d"):
        patch(unknown)


def test_a_task_without_hops_is_refused(fieldmouse: HookedModel) -> None:
    with pytest.raises(TaskError, match="'ioi' does not say what its questions rest on"):
        patch(benched(fieldmouse, "ioi", 8))


def test_a_model_that_composes_everything_leaves_nothing_to_repair(fieldmouse: HookedModel) -> None:
    with pytest.raises(TaskError, match="leaves 0 of 40"):
        patch(benched(fieldmouse, "two_hop", 40))


@pytest.mark.parametrize(
    ("settings", "kind", "reason"),
    [
        ({"sources": [3], "targets": [3], "embedding": False}, ConfigError, "its own place changes nothing"),
        ({"sources": [1], "targets": [4], "embedding": False}, ConfigError, r"no source of \[1\] lies behind"),
        ({"sources": [6]}, ConfigError, "6 layers"),
        ({"targets": [-1]}, ConfigError, r"targets \[-1\]"),
        ({"positions": ["S9"]}, ConfigError, "names no position S9; it names START, FIRST, SECOND, END"),
        ({"tokens": 40, "sources": [1], "targets": [0]}, TaskError, "40 new tokens"),
        ({"positions": []}, ConfigError, "positions"),
        ({"tokens": 0}, ConfigError, "tokens"),
        ({"source": [1]}, ConfigError, "known fields"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    small: Bench, settings: dict[str, Any], kind: type[JackfieldError], reason: str
) -> None:
    with pytest.raises(kind, match=reason):
        patch(small, **settings)


def test_claims_stand_on_edges_from_source_to_target(result: BackPatchingResult) -> None:
    circuit = result.to_circuit()
    names = {edge.name for edge in circuit.edges}
    assert len(names) == 21
    assert {"resid_post.5->resid_post.2", "resid_post.0->resid_pre.0"} < names
    edge = circuit.edge("resid_post.4->resid_pre.0")
    assert [claim.position for claim in edge.evidence] == ["END", "FIRST"]
    claim = edge.evidence[1]
    assert claim.score == float(result.data["recovery"].sel(patch="resid_post.4->resid_pre.0@FIRST"))
    assert claim.n == result.data.sizes["case"]
    assert claim.control_kind in ("unrelated prompt", "noise")
    assert claim.is_finding()
    assert "resid_post.4->resid_pre.0" in {edge.name for edge in circuit.findings().edges}


def test_the_summary_counts_what_the_circuit_claims(result: BackPatchingResult) -> None:
    claims = [claim for edge in result.to_circuit().edges for claim in edge.evidence]
    found = sum(claim.is_finding() for claim in claims)
    assert result.summary()[-1].startswith(f"{found} of {len(claims)} back-patches are findings")
    assert 0 < found < len(claims)


def test_a_claim_is_held_against_the_control_that_repairs_more(result: BackPatchingResult) -> None:
    data = result.data
    for claim, unrelated, noise in zip(
        result.claims, data["unrelated_high"].values, data["noise_high"].values, strict=True
    ):
        assert claim.control_high == max(unrelated, noise)


def test_a_saved_result_comes_back_the_same(result: BackPatchingResult, tmp_path: Path) -> None:
    result.save(tmp_path / "result.nc")
    back = BackPatchingResult.load(tmp_path / "result.nc")
    assert back.data.identical(result.data)
    assert back.summary() == result.summary()
    assert back.to_circuit() == result.to_circuit()
    assert back.to_frame().equals(result.to_frame())
    (tmp_path / "result.nc").write_bytes((tmp_path / "result.nc").read_bytes()[:1000])
    with pytest.raises(ResultError):
        BackPatchingResult.load(tmp_path / "result.nc")


def test_pictures_are_drawn(result: BackPatchingResult) -> None:
    pictures = result.plot()
    assert len(pictures) == 2
    for figure in pictures.values():
        figure.canvas.draw()


def test_the_result_is_the_same_for_the_same_seed_and_progress_ends(small: Bench) -> None:
    seen: list[tuple[str, int, int]] = []
    settings: dict[str, Any] = {"sources": [4], "targets": [1], "positions": ["END"], "tokens": 2}
    telling = with_fields(small, progress=lambda *report: seen.append(report))
    first, second = patch(telling, **settings), patch(small, **settings)
    assert first.data.identical(second.data)
    assert not np.array_equal(first.data["rank"], patch(with_fields(small, seed=9), **settings).data["rank"])
    for name in ("back-patching", "continuations", "right cases"):
        reports = [(done, total) for description, done, total in seen if description == name]
        assert reports[0][0] == 0
        assert reports[-1][0] == reports[-1][1] > 0


def test_without_forward_patches_and_right_cases_the_rest_is_still_told(small: Bench) -> None:
    wrong = Cases.sort(small, keep_shortcuts=False).wrong
    result = patch(with_fields(small, pairs=wrong), sources=[5], targets=[2], positions=["END"], tokens=1)
    assert result.data["route"].values.tolist() == ["to the embedding", "block to block"]
    assert bool(result.data["preserved"].isnull().all())
    told = " ".join(result.summary())
    assert "too few cases were right" in told
    assert "forward patch" not in told
    for figure in result.plot().values():
        figure.canvas.draw()


@pytest.mark.slow
def test_the_figures_are_those_of_the_page(fieldmouse: HookedModel) -> None:
    registry = Registry.discover()
    task, metric = registry.task("two_hop.out_of_distribution"), registry.metric("logit_difference")
    result = patch(Bench.prepare(fieldmouse, task, metric, pairs=4000))
    counts = dict(zip(result.data["category"].values.tolist(), result.data["count"].values.tolist(), strict=True))
    assert (counts[SHORTCUT], counts[RIGHT] + counts[WRONG], counts[WRONG]) == (141, 760, 199)
    assert result.told("held_out", Route.EMBEDDING, Content.OWN) == "96% [90%, 99%]"
    assert result.told("held_out", Route.BLOCKS, Content.OWN) == "27% [19%, 37%]"
    assert result.told("held_out", Route.FORWARD, Content.OWN) == "23% [15%, 33%]"
    assert result.told("preserved", Route.EMBEDDING, Content.OWN) == "99% [98%, 100%]"
    assert result.told("oracle", Route.BLOCKS, Content.OWN).startswith("55%")
    assert (result.uncleared(Route.EMBEDDING), result.uncleared(Route.BLOCKS)) == ([], ["forward"])
