"""The whole of `crmctl check`: the checks of the workspace, and those of the files that higher rooms read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from crmctl.insight import technographics_rules, text_rules, weights, weights_file
from crmctl.insight.health_lint import unfilled
from crmctl.insight.rules_file import SIGNALS
from crmctl.model.errors import DamagedFile, Problem
from crmctl.workflow import definition, schedule
from crmctl.workflow.actions import ACTIONS
from crmctl.workspace import checks, episodes, files, yamlio
from crmctl.workspace.checks.account import ANY_ACCOUNT
from crmctl.workspace.checks.source import FileCheck
from crmctl.workspace.config import CONFIG, Config, examine
from crmctl.workspace.nightly_settings import OFF
from crmctl.workspace.paths import ACCOUNTS

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace


def check(ws: Workspace, paths: Iterable[str] | None = None) -> list[Problem]:
    """Everything wrong with a workspace, or with the files at or beneath ``paths``, by path and line.

    What takes the scores of all accounts is looked for only when the whole workspace is checked.
    """
    places = None if paths is None else list(paths)
    found = checks.check(ws.root, ws.now, places, others=FILES)
    if places is None or CONFIG in places:
        found = sorted({*found, *_nights(ws.root)})
    settings = {CONFIG, weights_file.WEIGHTS, SIGNALS}
    if places is not None or any(p.severity == "error" and p.path in settings for p in found):
        return found
    return sorted({*found, *_unfilled(ws)})


def _nights(root: Path) -> list[Problem]:
    """The steps of the night with a time that never comes; `checks` names every other mistake in the settings."""
    raw = files.read(root, CONFIG)
    config = None if raw is None else examine(raw, CONFIG, Config)[0]
    if raw is None or config is None:
        return []
    found = []
    for step, when in config.nightly:
        if isinstance(when, str) and when != OFF:
            try:
                schedule.read(when)
            except ValueError as error:
                found.append(Problem(CONFIG, 0, f"nightly.{step}", f"{when!r} {error}", "value"))
    return _placed(found, raw)


def _unfilled(ws: Workspace) -> list[Problem]:
    """The inputs of the score that no customer has. Scores are computed, or remembered, and not written."""
    raw = files.read(ws.root, weights_file.WEIGHTS)
    if raw is None:
        return []
    from crmctl.insight.scoring import plan_scores

    health = weights.load_weights(ws.root).health
    results = plan_scores(ws).results
    return _placed(
        [
            Problem(weights_file.WEIGHTS, 0, field, text, "unfilled", "warning")
            for field, text in unfilled(health, results.values())
        ],
        raw,
    )


def _placed(problems: Iterable[Problem], raw: bytes) -> list[Problem]:
    """With the line of each one's field."""
    text = raw.decode("utf-8-sig")
    return [p._replace(line=yamlio.line_of(text, p.field.split("."))) for p in problems]


def _weights(_root: Path, _config: Config, path: str, raw: bytes) -> list[Problem]:
    found, problems = examine(raw, path, weights.Weights)
    if found is None:
        return problems
    return _placed(weights.lint(found), raw)


def _signals(_root: Path, _config: Config, path: str, raw: bytes) -> list[Problem]:
    found, problems = examine(raw, path, text_rules.TextRules)
    if found is None:
        return problems
    plays = {f"rules.{n}.play": rule.play for n, rule in enumerate(found.rules)}
    plays["sentiment.play"] = found.sentiment.play
    text = raw.decode("utf-8-sig")
    return [
        Problem(
            path,
            yamlio.line_of(text, [int(k) if k.isdigit() else k for k in field.split(".")]),
            field,
            f"{play} is no action; allowed: {', '.join(sorted(ACTIONS))}",
            "signals",
        )
        for field, play in plays.items()
        if play not in ACTIONS
    ]


def _workflows(root: Path, config: Config, path: str, raw: bytes) -> list[Problem]:
    found, problems = examine(raw, path, definition.Workflows)
    return problems if found is None else definition.lint(root, config)


def _episodes(_root: Path, _config: Config, path: str, raw: bytes) -> list[Problem]:
    try:
        episodes.parse(raw, path)
    except DamagedFile as error:
        return error.problems
    return []


def _technologies(_root: Path, _config: Config, path: str, raw: bytes) -> list[Problem]:
    return examine(raw, path, technographics_rules.TechnologyRules)[1]


FILES: dict[str, FileCheck] = {
    weights_file.WEIGHTS: _weights,
    SIGNALS: _signals,
    technographics_rules.TECHNOLOGIES: _technologies,
    definition.WORKFLOWS: _workflows,
    f"{ACCOUNTS}{ANY_ACCOUNT}episodes.jsonl": _episodes,
}
