"""Pictures are tied to nothing, and notebooks show them."""

from __future__ import annotations

import sys

from jackfield.plotting import new_figure

PNG = b"\x89PNG\r\n\x1a\n"


def test_a_figure_shows_itself_in_a_notebook_without_pyplot() -> None:
    figure = new_figure(2, 1)
    figure.subplots().plot([0, 1])
    assert figure._repr_png_().startswith(PNG)
    assert type(figure) is type(new_figure(1, 1))
    assert figure not in getattr(sys.modules.get("matplotlib.pyplot"), "get_fignums", list)()
