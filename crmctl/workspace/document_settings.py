"""How plans, briefs and printed documents are made: the part ``documents:`` of ``crmctl.yaml``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crmctl.workspace.source_settings import Strict

Few = Annotated[int, Field(ge=1, le=8)]


class Documents(Strict):
    """What paper we use, how far an account plan reaches, and how much a brief tells."""

    paper: Annotated[Literal["a4", "letter"], Field(description="size of the sheets of a PDF")] = (
        "a4"
    )
    plan_days: Annotated[
        int, Field(ge=7, le=366, description="days that an account plan is made for")
    ] = 90
    plan_suggestions: Annotated[
        int, Field(ge=0, le=30, description="most actions that an account plan suggests")
    ] = 6
    brief_people: Annotated[Few, Field(description="most people that a brief names")] = 5
    brief_changes: Annotated[Few, Field(description="most changes that a brief tells")] = 5
    brief_promises: Annotated[
        Few, Field(description="most open promises of each side that a brief tells")
    ] = 3
    brief_risks: Annotated[Few, Field(description="most risks that a brief tells")] = 3
    brief_questions: Annotated[Few, Field(description="most questions that a brief asks")] = 4
    brief_lines: Annotated[
        int, Field(ge=20, le=60, description="most lines of a brief, so that it fits one sheet")
    ] = 54
