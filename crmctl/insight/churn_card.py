"""The model card: what a model was made of, how well it does, and what it must not be used for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from crmctl.insight.churn_model import OWN, Model, Trial
from crmctl.insight.churn_training import Trained
from crmctl.insight.metrics_binary import Interval, Share
from crmctl.model.numbers import half_up
from crmctl.model.text import markdown

STRONGEST = 15


def card(trained: Trained, today: dt.date) -> bytes:
    """Markdown, with every name from outside made harmless."""
    return ("\n".join(_lines(trained, today)) + "\n").encode()


def _lines(trained: Trained, today: dt.date) -> Iterator[str]:
    trial = trained.trial
    yield "# Model card: churn"
    yield ""
    yield f"Trained on {today} by `crmctl churn train`. Coefficients: `{trained.path}`."
    yield ""
    yield f"- **Data**: {markdown(trained.source)}: {trained.rows} rows, {trained.events} losses."
    yield f"- **Foretells**: {markdown(trained.outcome)}."
    yield "- **Kind**: logistic regression with an L2 penalty; numbers in standard units, words one by one."
    yield f"- **Tried out**: {markdown(trained.split)}. The coefficients below are learnt from all rows."
    yield ""
    yield "## How well it does"
    yield ""
    yield f"On {trial.rows} rows it had not seen, {trial.events} of them with a loss:"
    yield ""
    yield "| Figure | Value |"
    yield "| --- | ---: |"
    yield f"| AUC (0.5 is chance) | {shown(trial.auc)}{_between(trial.interval)} |"
    yield f"| AUC of each split | {', '.join(map(shown, trial.by_split))} |"
    yield f"| average precision | {shown(trial.average_precision)} |"
    yield f"| lift of the top tenth | {shown(trial.lift, 2)} |"
    yield f"| Brier score, base rate alone | {shown(trial.brier)}, {shown(trial.base)} |"
    for name, area in trial.alone.items():
        yield f"| AUC of {markdown(name)} alone | {shown(area)} |"
    yield f"| AUC with shuffled labels (must be near 0.5) | {shown(trial.shuffled)} |"
    yield ""
    yield verdict(trial)
    yield ""
    yield "## Calibration"
    yield ""
    yield "| Tenth | Rows | Foretold | Happened | 95 % interval |"
    yield "| ---: | ---: | ---: | ---: | --- |"
    for number, each in enumerate(trial.calibration, 1):
        what = each.happened
        yield f"| {number} | {what.number} | {shown(each.predicted)} | {shown(what.rate)} | {ends(what)} |"
    yield ""
    yield "## What it goes by"
    yield ""
    yield "Log odds for one standard deviation more, or for the word; the strongest first."
    yield ""
    yield "| Column | Log odds |"
    yield "| --- | ---: |"
    for name, weight in _strongest(trained.model):
        yield f"| {markdown(name)} | {half_up(weight, 3)} |"
    if trained.notes:
        yield ""
        yield "## Left out"
        yield ""
        yield from (f"- {markdown(note)}" for note in trained.notes)
    yield ""
    yield "## Limits"
    yield ""
    if trained.path == OWN:
        yield (
            "It learnt from this team's past. A new price, product or kind of customer makes it wrong without "
            "notice: train it again, and hold it against what happened (`crmctl backtest health`)."
        )
    else:
        yield "It learnt from a table from outside and is not used for the accounts of this workspace."
    yield (
        "It shows what goes with a loss, not what causes one. It is a reason to look at an account, never to "
        "treat a customer worse."
    )


def verdict(trial: Trial) -> str:
    """One sentence on whether the model is worth using."""
    if trial.interval is None or trial.interval.low <= 0.5:
        return "It cannot be told from chance: the interval of its AUC reaches 0.5. Do not use it."
    best = max((area for area in trial.alone.values() if area is not None), default=0.5)
    if trial.auc is not None and trial.auc <= best:
        return "A single column does as well: prefer that column to the model."
    return "It does better than chance and than the single columns above."


def shown(value: float | None, digits: int = 3) -> str:
    """A figure, or that the data do not define it."""
    return "not defined" if value is None else half_up(value, digits)


def ends(share: Share) -> str:
    """Both ends of a rate's interval."""
    return _between(share.interval).strip(" ()")


def _between(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f" ({half_up(interval.low, 3)} to {half_up(interval.high, 3)})"


def _strongest(model: Model) -> list[tuple[str, float]]:
    parts = []
    for term in model.terms:
        if term.values is None:
            parts.append((term.name, term.coefficient))
            parts.append((f"{term.name} unknown", term.unknown))
        else:
            parts += [(f"{term.name} = {word or 'blank'}", w) for word, w in term.values.items()]
    kept = [part for part in parts if half_up(part[1], 3) != "0.000"]
    return sorted(kept, key=lambda part: (-abs(part[1]), part[0]))[:STRONGEST]
