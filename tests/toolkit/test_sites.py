"""Sites are spelled one way, come in the order of computation, and exist in real architectures."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.errors import SiteError
from jackfield.hooked_model import HookedModel
from jackfield.sites import Kind, Site


@st.composite
def sites(draw: st.DrawFn) -> Site:
    kind = draw(st.sampled_from(Kind))
    numbers = st.integers(min_value=0, max_value=200)
    layer = draw(numbers) if kind.has_layer else None
    head = draw(st.none() | numbers) if kind.has_heads else None
    return Site(kind, layer, head)


LAYER_IN_ORDER = (
    "resid_pre.1", "a1.h0<q>", "a1.h0.q", "a1.h0.pattern", "a1.h0.z", "a1.h0", "attn_out.1", "resid_mid.1", "m1<in>",
    "m1", "resid_post.1",
)  # fmt: skip


@given(sites())
def test_a_site_reads_back_from_its_spelling(site: Site) -> None:
    assert Site.parse(str(site)) == site


@given(sites(), sites())
def test_sites_are_equal_exactly_when_they_are_spelled_alike(left: Site, right: Site) -> None:
    assert (left == right) == (str(left) == str(right))
    assert len({left, right}) == (1 if str(left) == str(right) else 2)


@given(sites(), sites(), sites())
def test_the_order_is_total(first: Site, second: Site, third: Site) -> None:
    assert (first < second) + (second < first) + (first == second) == 1
    low, middle, high = sorted([first, second, third])
    assert low <= middle <= high
    assert low <= high


@pytest.mark.parametrize(
    ("text", "kind", "layer", "head"),
    [
        ("input", Kind.INPUT, None, None),
        ("resid_pre.4", Kind.RESID_PRE, 4, None),
        ("resid_mid.4", Kind.RESID_MID, 4, None),
        ("resid_post.4", Kind.RESID_POST, 4, None),
        ("attn_out.4", Kind.ATTN_OUT, 4, None),
        ("m4", Kind.MLP_OUT, 4, None),
        ("m4<in>", Kind.MLP_IN, 4, None),
        ("a5.h1", Kind.HEAD_OUT, 5, 1),
        ("a5.h1<q>", Kind.Q_INPUT, 5, 1),
        ("a5.h1<k>", Kind.K_INPUT, 5, 1),
        ("a5.h1<v>", Kind.V_INPUT, 5, 1),
        ("a5.h1.q", Kind.Q, 5, 1),
        ("a5.h1.k", Kind.K, 5, 1),
        ("a5.h1.v", Kind.V, 5, 1),
        ("a5.h*.z", Kind.Z, 5, None),
        ("a10.h12.pattern", Kind.PATTERN, 10, 12),
        ("logits", Kind.LOGITS, None, None),
    ],
)
def test_every_kind_has_its_spelling(text: str, kind: Kind, layer: int | None, head: int | None) -> None:
    site = Site(kind, layer, head)
    assert str(site) == text
    assert repr(site) == f"Site('{text}')"
    assert Site.parse(text) == site


@pytest.mark.parametrize(
    "text",
    [
        "", "a5", "a5.h", "a5.h-1", "a05.h1", "a5.h01", "a5.h1 ", " a5.h1", "A5.h1", "a5.h1<x>", "a5.h1<in>", "a5.h1.o",
        "a*.h1", "m", "m-1", "m4<q>", "m4.z", "mlp_out.4", "resid_pre", "resid_pre.x", "resid_pre4", "resid.4",
        "input.0", "logits.3", "attn_out.4.h1", "blocks.4.hook_resid_pre", "a5.h1\n", "a٣.h1",
    ],
)  # fmt: skip
def test_another_spelling_is_refused_and_shown_how_sites_are_spelled(text: str) -> None:
    with pytest.raises(SiteError, match=r"is not a site; sites are spelled like") as refused:
        Site.parse(text)
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "layer", "head", "complaint"),
    [
        (Kind.RESID_PRE, None, None, "a resid_pre site takes a layer of 0 or more, got layer=None"),
        (Kind.MLP_OUT, -1, None, "a mlp_out site takes a layer of 0 or more, got layer=-1"),
        (Kind.INPUT, 0, None, "a input site takes no layer, got layer=0"),
        (Kind.LOGITS, None, 2, "a logits site takes no head, got head=2"),
        (Kind.ATTN_OUT, 3, 0, "a attn_out site takes no head, got head=0"),
        (Kind.Z, 3, -2, "a z site takes a head of 0 or more, got head=-2"),
    ],
)
def test_a_site_that_cannot_be_is_refused(kind: Kind, layer: int | None, head: int | None, complaint: str) -> None:
    with pytest.raises(SiteError) as refused:
        Site(kind, layer, head)
    assert str(refused.value) == complaint


def test_sites_come_in_the_order_of_computation() -> None:
    texts = ("input", "resid_pre.0", "resid_post.0", *LAYER_IN_ORDER, "resid_pre.2", "m10", "logits")
    in_order = [Site.parse(text) for text in texts]
    assert all(left < right for left, right in itertools.pairwise(in_order))


def test_a_site_compares_with_nothing_but_sites() -> None:
    with pytest.raises(TypeError):
        _ = Site.parse("m3") < "m4"
    assert Site.parse("m3") != "m3"


@given(sites())
def test_axes_name_every_axis_and_a_single_head_has_none(site: Site) -> None:
    assert site.axes[0] == "batch"
    assert "position" in site.axes
    assert ("head" in site.axes) == (site.kind.has_heads and site.head is None)
    assert site.all_heads.axes == site.kind.axes


def test_every_kind_has_a_hook_in_every_architecture(tiny_model: HookedModel) -> None:
    sites = tiny_model.shape.sites()
    for site in sites:
        tiny_model.require(site)
    missing = {Kind.RESID_MID} if tiny_model.shape.parallel_blocks else set()
    assert {site.kind for site in sites} == set(Kind) - missing


def test_different_sites_never_share_a_hook(tiny_model: HookedModel) -> None:
    wholes = {site.all_heads for site in tiny_model.shape.sites()}
    points = {site: tiny_model._points[site.hook_name] for site in wholes}
    for left, right in itertools.combinations(sorted(wholes), 2):
        assert points[left] is not points[right], f"{left} and {right}"
