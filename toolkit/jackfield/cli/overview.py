"""A run at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jackfield.cli.terminal import output, print_table, text

if TYPE_CHECKING:
    from jackfield.agreement import Agreement
    from jackfield.manifest import AnalysisRecord, Asked, Manifest
    from jackfield.run_folder import RunFolder

__all__ = ["as_json", "print_overview"]

_STYLES = {"complete": "green", "failed": "bold red", "pending": "yellow", "unfinished": "yellow"}


def as_json(folder: RunFolder, manifest: Manifest) -> dict[str, Any]:
    """The manifest, and where the run's files are."""
    files = {
        "report": folder.report_file, "page": folder.page_file, "graphml": folder.graphml_file, "json": folder.json_file
    }  # fmt: skip
    results = {
        record.label: str(folder.result_file(record.label))
        for record in manifest.analyses
        if record.status == "complete"
    }
    return {
        **manifest.model_dump(mode="json"),
        "folder": str(folder.path),
        "files": {name: str(path) for name, path in files.items() if path.exists()} | {"results": results},
    }


def print_overview(folder: RunFolder, manifest: Manifest) -> None:
    """Print what was asked, what each analysis found or why it failed, and where to read on."""
    console, setup = output(), manifest.setup
    own = any(record.asked for record in manifest.analyses)
    console.print(text(manifest.title, "bold"), text("" if own else f"({_pairs(setup)}, seed {setup.seed})", "dim"))
    columns = ("analysis", *(("task", "pairs") if own else ()), "status", "findings", "seconds")
    print_table(columns, (_row(record, record.asked or setup if own else None) for record in manifest.analyses))
    for record in manifest.analyses:
        told = [*record.notes, *([record.error] if record.error else record.summary)]
        if told:
            console.print("\n", text(record.label, "bold"), sep="")
            for sentence in told:
                console.print(text(sentence), soft_wrap=True)
    console.print()
    if manifest.circuit is None:
        console.print(text("This run is unfinished; run the study again to resume it.", _STYLES["unfinished"]))
    else:
        size = manifest.circuit
        console.print(f"circuit: {size.nodes} nodes and {size.edges} edges, {size.findings} with a finding")
        for found in size.agreements:
            console.print(text(_agreed(found)), soft_wrap=True)
        files = {"graph": folder.graphml_file, "picture": folder.page_file, "report": folder.report_file}
        for name, path in files.items():
            console.print(text(f"{name}: {path}"), soft_wrap=True)


def _row(record: AnalysisRecord, asked: Asked | None) -> tuple[object, ...]:
    seconds = "" if record.seconds is None else f"{record.seconds:.1f}"
    findings = f"{record.findings} of {record.claims} claims" if record.status == "complete" else ""
    question = (text(asked.task), _pairs(asked)) if asked else ()
    return text(record.label), *question, text(record.status, _STYLES[record.status]), findings, seconds


def _pairs(asked: Asked) -> str:
    return f"{asked.pairs} of {asked.drawn} pairs"


def _agreed(found: Agreement) -> str:
    counts = (
        f"{noun}: {agreed} agreed on ({shared} by several analyses), {conflicting} conflicting, {abstained} abstained"
        for noun, agreed, shared, conflicting, abstained in (
            ("nodes", found.agreed_nodes, found.shared_nodes, found.conflicting_nodes, found.abstained_nodes),
            ("edges", found.agreed_edges, found.shared_edges, found.conflicting_edges, found.abstained_edges),
        )
    )
    return f"{found.task or 'no task'}, {'; '.join(counts)}"
