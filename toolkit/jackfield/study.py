"""The study: from what is asked to a folder with results, one circuit and a report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.bench import Bench
from jackfield.calls import FAILURES
from jackfield.errors import ConfigError, PluginError
from jackfield.execution import Execution, Step
from jackfield.loading import LoadRequest
from jackfield.plugin_record import describe
from jackfield.progress import Progress, silent, track
from jackfield.registry import Registry
from jackfield.run_folder import RunFolder, file_stems

if TYPE_CHECKING:
    from jackfield.metrics import Metric
    from jackfield.study_config import StudyConfig
    from jackfield.tasks import Task

__all__ = ["Study"]


class Study:
    """A study that can be run.

    Parameters
    ----------
    config
        What is asked.
    registry
        The plugins that answer; all installed ones if omitted.
    """

    def __init__(self, config: StudyConfig, registry: Registry | None = None) -> None:
        self.config = config
        self.registry = registry or Registry.discover()

    def run(self, folder: Path | str, progress: Progress = silent, *, fresh: bool = False) -> RunFolder:
        """Run every analysis and write the run folder.

        Names and settings are checked before anything is loaded. A result that the folder already holds, made from the
        same inputs and unchanged since, is kept; it is read back, and ``after_analysis`` is not called for it again. An
        analysis that raises is recorded as failed, and the others go on. An interrupt, or an exception raised by
        ``progress``, ends the run and leaves a folder in which the same study resumes.

        Parameters
        ----------
        folder
            Where to write: new, empty, or a run of this same study.
        progress
            Called as ``progress(description, done, total)``.
        fresh
            Give up whatever run the folder holds.

        Returns
        -------
        RunFolder
            Its manifest has the status ``failed`` if an analysis failed.

        Raises
        ------
        ConfigError
            If the settings of an analysis are wrong, or the folder is not this study's.
        ModelLoadError, TaskError, UnknownNameError
            If there is no such model, task, metric or analysis, or the task does not suit the model.
        PluginError
            If a plugin breaks the protocol outside the run of its own analysis.
        """
        steps = self._steps()
        task, metric = self.registry.task(self.config.task.name), self.registry.metric(self.config.metric)
        run = RunFolder(folder)
        if fresh:
            run.require_ownable()
        earlier = None if fresh else run.earlier_run(self.config)
        bench = self._bench(task, metric, progress)
        if fresh:
            run.clear()
        return Execution(self.config, self.registry, run, bench, progress).carry_out(steps, task, earlier)

    def _steps(self) -> list[Step]:
        """The analyses with their settings, every one of them checked."""
        choices, problems = self.config.analyses, []
        steps: list[Step] = []
        for label, choice in zip(file_stems(choice.name for choice in choices), choices, strict=True):
            kind = self.registry.analysis(choice.name)
            plugin = self.registry.provider("analysis", choice.name)
            try:
                analysis = kind()
                config = analysis.Config.parse(choice.config)
            except ConfigError as error:
                problems.append(f"analysis {choice.name!r}: {error}")
            except FAILURES as failure:
                raise PluginError(f"plugin {plugin!r} cannot set up {choice.name!r}: {describe(failure)}") from failure
            else:
                if any(step.plugin == plugin and step.config == config for step in steps if step.is_a(choice.name)):
                    problems.append(f"analysis {choice.name!r}: listed twice with the same settings")
                steps.append(Step(label, plugin, analysis, config))
        if problems:
            raise ConfigError("\n".join(problems))
        return steps

    def _bench(self, task: Task, metric: Metric, progress: Progress) -> Bench:
        asked = self.config.model
        request = LoadRequest(asked.name, asked.dtype, asked.device, asked.network)
        [model] = (self.registry.load_model(request) for request in track([request], f"load {asked.name}", progress))
        bench = Bench.prepare(model, task, metric, self.config.task.pairs, self.config.seed)
        return replace(bench, causal_models=self.registry.causal_models())
