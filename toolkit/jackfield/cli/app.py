"""The commands, and what happens when one of them fails."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

from jackfield.cli.circuit_exchange import export, import_
from jackfield.cli.circuit_page import view
from jackfield.cli.circuit_parts import merge, prune, subgraph
from jackfield.cli.circuit_questions import compare, consensus, diff, paths, resolve, stats
from jackfield.cli.circuit_transfer import transfer
from jackfield.cli.listings import list_analyses, list_metrics, list_models, list_tasks, pull_model
from jackfield.cli.plugins import check_plugin, list_plugins, new_plugin
from jackfield.cli.run import run
from jackfield.cli.show import show
from jackfield.cli.terminal import complain
from jackfield.cli.verify import verify
from jackfield.errors import JackfieldError

__all__ = ["app", "main"]

WRONG = 2
"""Exit status where something was asked that cannot be done; 1 says that an analysis, or a claim, failed."""
INTERRUPTED = 130


class _Commands(TyperGroup):
    """Turns jackfield's own errors into one message, and an interrupt into advice; all else keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except JackfieldError as error:
            if ctx.params.get("debug") or os.environ.get("JACKFIELD_DEBUG"):
                raise
            complain("error", error)
            raise typer.Exit(WRONG) from error
        except KeyboardInterrupt as interrupt:
            complain("interrupted", "what was computed is kept; the same command goes on from there")
            raise typer.Exit(INTERRUPTED) from interrupt


def _examples(*commands: str) -> str:
    return "\n\n".join(["[bold]Examples[/bold]", *(f"  $ jackfield {escape(command)}" for command in commands)])


def _group(**options: Any) -> typer.Typer:
    return typer.Typer(
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **options,
    )


app = _group(cls=_Commands, no_args_is_help=True)
_plugins = _group(invoke_without_command=True)
_models = _group(invoke_without_command=True)
_circuit = _group(no_args_is_help=True)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"jackfield {version('jackfield')}")
        raise typer.Exit


@app.callback(epilog=_examples("run --task ioi", "show out/ioi-fieldmouse", "plugins"))
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of every error; as does JACKFIELD_DEBUG=1.")
    ] = False,
) -> None:
    """Open a transformer, let plugins probe it, and get one circuit that says how sure it is."""


app.command(
    epilog=_examples(
        "run study.yaml",
        "run study.yaml --seed 1 --out out/seed-1",
        "run --task ioi --pairs 96 --set activation_patching.strongest=4",
        "run --model ./my-gpt2 --task induction --json > manifest.json",
    )
)(run)
app.command(epilog=_examples("show out/demo", "show out/demo --json"))(show)
app.command(epilog=_examples("verify out/demo/circuit.graphml", "verify circuit.json --model ./my-gpt2 --json"))(verify)
_plugins.callback(
    epilog=_examples("plugins", "plugins --traceback", "plugins --json", "plugins check activation_patching")
)(list_plugins)
_plugins.command(
    "check",
    epilog=_examples("plugins check activation_patching", "plugins check my_plugin --only padding --json"),
)(check_plugin)
_plugins.command("new", epilog=_examples("plugins new head_roles", "plugins new head_roles --into ~/code"))(new_plugin)
app.add_typer(_plugins, name="plugins")
app.command("analyses", epilog=_examples("analyses", "analyses activation_patching"))(list_analyses)
app.command("tasks", epilog=_examples("tasks", "tasks --json"))(list_tasks)
app.command("metrics", epilog=_examples("metrics", "metrics --json"))(list_metrics)
_models.callback(epilog=_examples("models", "models pull smollm2-135m"))(list_models)
_models.command("pull", epilog=_examples("models pull smollm2-135m"))(pull_model)
app.add_typer(_models, name="models")


@_circuit.callback(epilog=_examples("circuit stats out/demo", "circuit compare out/ioi out/induction --shape 6x8"))
def _circuits() -> None:
    """Ask circuits questions: what they hold, where they agree, what changed, and where the strongest paths run."""


_circuit.command(epilog=_examples("circuit stats out/demo", "circuit stats circuit.graphml --json"))(stats)
_circuit.command(epilog=_examples("circuit view out/demo", "circuit view merged.graphml -o merged.html"))(view)
_circuit.command(
    epilog=_examples("circuit consensus out/demo", "circuit consensus seed-0.graphml seed-1.graphml --by run --least 2")
)(consensus)
_circuit.command(epilog=_examples("circuit compare out/ioi out/induction --shape 6x8"))(compare)
_circuit.command(epilog=_examples("circuit diff before.graphml after.graphml --alpha 0.01"))(diff)
_circuit.command(epilog=_examples("circuit paths out/demo --count 5", "circuit paths out/demo --from a0.h1"))(paths)
_circuit.command(epilog=_examples("circuit resolve out/demo", "circuit resolve merged.graphml --conflicts"))(resolve)
_circuit.command(
    epilog=_examples(
        "circuit transfer out/ioi out/greater-than", "circuit transfer seed-0.json seed-1.json other.json --pairs 96"
    )
)(transfer)
_circuit.command(epilog=_examples("circuit prune out/demo --findings --out found.graphml"))(prune)
_circuit.command(epilog=_examples("circuit subgraph out/demo 'a5.*' --hops 1 --out layer-5.graphml"))(subgraph)
_circuit.command(
    epilog=_examples(
        "circuit merge out/ioi out/two-hop --out all.graphml", "circuit merge out/demo --task ioi --out ioi.graphml"
    )
)(merge)
_circuit.command(
    epilog=_examples(
        "circuit export out/demo --out demo.gexf",
        "circuit export out/demo --to dot --findings --out demo.gv",
        "circuit export out/demo --fit --out demo.eap.json",
    )
)(export)
_circuit.command(
    "import",
    epilog=_examples(
        "circuit import graph.json --from circuit-tracer --out traced.graphml",
        "circuit import graph.json --from eap-ig --prompts 64 --metric 'logit difference' --out eap.graphml",
    ),
)(import_)
app.add_typer(_circuit, name="circuit")


def main() -> None:
    """Run the command line."""
    app(prog_name="jackfield")
