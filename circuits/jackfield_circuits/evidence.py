"""Evidence: one plugin's claim about one node or edge."""

from __future__ import annotations

import math
import operator
from typing import Annotated, Any

from pydantic import Field, field_serializer, field_validator, model_validator

from jackfield_circuits.errors import CircuitError
from jackfield_circuits.record import Label, Record, Text

__all__ = ["Evidence"]

_NUMBERS = ("score", "low", "high", "level", "control", "control_low", "control_high", "p_value", "q_value")
_INFINITIES = {"inf": math.inf, "-inf": -math.inf}

Probability = Annotated[float, Field(ge=0, le=1)]


class Evidence(Record):
    """One plugin's claim about one node or edge.

    Numbers may be given as Python, NumPy or torch scalars and are kept as Python floats. ``NaN`` is refused everywhere;
    infinities are kept. In JSON an infinity is the text ``"inf"`` or ``"-inf"``.

    Parameters
    ----------
    plugin
        Who claims it; a name without commas.
    method
        What was done, such as ``"denoising, resample"``.
    metric
        What was measured, such as ``"logit difference"``.
    unit
        Unit of the score, its interval and its control; empty for a pure number.
    position
        Named token position, or ``None`` for all positions.
    score
        The signed effect.
    low, high
        Ends of the score's interval: both or neither, ``low <= high``. A bootstrap interval need not hold the score.
    level
        Coverage of both intervals, between 0 and 1.
    n
        Number of prompts the score is computed from, at least 1.
    control
        The same measurement where no effect is expected, in the score's unit.
    control_low, control_high
        Ends of the control's interval: both or neither, and only with a control.
    control_kind
        What the control is, such as ``"unrelated prompt"``.
    p_value, q_value
        Probability under the null hypothesis, before and after correction for the many claims tested together.
    run
        Digest of the run that made the claim; the circuit keeps that run's provenance.

    Raises
    ------
    CircuitError
        If a field is missing, superfluous, of the wrong type or out of range.

    Examples
    --------
    >>> claim = Evidence(
    ...     plugin="activation_patching", method="denoising, resample", metric="logit difference", unit="logits",
    ...     score=1.2, low=0.9, high=1.5, n=64, control=0.0, control_low=-0.1, control_high=0.1,
    ...     control_kind="unrelated prompt", q_value=0.003, run="5f2c",
    ... )
    >>> claim.is_finding()
    True
    >>> claim.is_finding(alpha=0.001)
    False
    """

    plugin: Label
    method: Label
    metric: Label
    unit: Text
    position: Label | None = None
    score: float
    low: float | None = None
    high: float | None = None
    level: float = Field(default=0.95, gt=0, lt=1)
    n: int = Field(ge=1)
    control: float | None = None
    control_low: float | None = None
    control_high: float | None = None
    control_kind: Label | None = None
    p_value: Probability | None = None
    q_value: Probability | None = None
    run: Label

    @field_validator("plugin")
    @classmethod
    def _one_name(cls, plugin: str) -> str:
        if "," in plugin:
            raise ValueError("a plugin's name holds no comma, because lists of plugins are separated by commas")
        return plugin

    @field_validator(*_NUMBERS, mode="before")
    @classmethod
    def _as_float(cls, value: Any) -> float | None:
        if value is None:
            return None
        if isinstance(value, str) and value in _INFINITIES:
            return _INFINITIES[value]
        if isinstance(value, str | bytes | bytearray | bool):
            raise ValueError("a number is needed")
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError, RuntimeError) as error:
            raise ValueError("a single real number is needed") from error
        if math.isnan(number):
            raise ValueError("NaN is not a measurement; leave out what is not known")
        return number + 0.0  # makes -0.0 into 0.0: they are equal, and equal claims must have equal bytes

    @field_validator("n", mode="before")
    @classmethod
    def _as_count(cls, value: Any) -> int:
        if isinstance(value, bool):
            raise ValueError("a whole number is needed")
        try:
            return operator.index(value)
        except TypeError as error:
            raise ValueError("a whole number is needed") from error

    @model_validator(mode="after")
    def _intervals_are_whole(self) -> Evidence:
        for name, low, high in (
            ("low and high", self.low, self.high),
            ("control_low and control_high", self.control_low, self.control_high),
        ):
            if (low is None) != (high is None):
                raise ValueError(f"{name} come together or not at all, found {low} and {high}")
            if low is not None and high is not None and low > high:
                raise ValueError(f"{name} are in the wrong order, found {low} and {high}")
        if self.control is None and self.control_low is not None:
            raise ValueError("control_low and control_high need the control they are an interval of")
        return self

    @field_serializer(*_NUMBERS, when_used="json")
    def _spell_infinity(self, value: float | None) -> float | str | None:
        return str(value) if value is not None and math.isinf(value) else value

    @property
    def sort_key(self) -> tuple[tuple[bool, Any], ...]:
        """Key of the canonical order: field by field, what is missing last."""
        values = (getattr(self, name) for name in Evidence.model_fields)
        return tuple((value is None, "" if value is None else value) for value in values)

    def is_finding(self, alpha: float = 0.05) -> bool:
        """Whether the claim stands: significant after correction, and farther from zero than its control.

        A claim without an interval, a control or a q-value is never a finding, and neither is one whose interval holds
        zero, however different its control is.

        Parameters
        ----------
        alpha
            Largest q-value that counts as significant, from 0 to 1.

        Returns
        -------
        bool
            ``True`` if ``q_value <= alpha`` and the interval lies wholly beyond zero and beyond the control's interval
            (or the control itself, where it has no interval), on the side of the score.

        Raises
        ------
        CircuitError
            If ``alpha`` is not from 0 to 1.
        """
        if not 0 <= alpha <= 1:
            raise CircuitError(f"alpha is a probability from 0 to 1, found {alpha}")
        if self.low is None or self.high is None or self.control is None or self.q_value is None:
            return False
        control_low = self.control if self.control_low is None else self.control_low
        control_high = self.control if self.control_high is None else self.control_high
        return self.q_value <= alpha and (self.low > max(0.0, control_high) or self.high < min(0.0, control_low))
