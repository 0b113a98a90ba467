"""Starting a workspace: the files a team begins with. Files that exist are left alone."""

from __future__ import annotations

from pathlib import Path

from crmctl.model.errors import CrmError
from crmctl.workspace import files, templates
from crmctl.workspace.changes import ChangeSet

CONFIG = """\
# The team and its rules. `crmctl schema` writes JSON Schemas that let an editor complete this file.
# Credentials never belong here: crmctl reads them from the environment.

# Our own name and mail domains; their people are colleagues, not contacts.
company: ""
our_domains: []

# Currency of amounts in files that state none.
currency: USD

# Who we are: `id` is what `owner:` holds. Managers get escalations.
#   - {id: ana, name: Ana Example, email: ana@ours.example, manager: kim}
team: []
default_owner: ""

# Whom to believe when people say nothing and systems differ, the most believed first.
ranking: [salesforce, supabase, gong, granola, email, slack, linkedin, csv, crmctl]
"""
WORKFLOW_TESTS = "workflow-tests"
IGNORE = ".*.crmctl-*.tmp\n"
ATTRIBUTES = """\
# The same bytes on every machine. Merging needs no drivers: forges ignore them.
*.md text eol=lf
*.yaml text eol=lf
*.j2 text eol=lf
*.csv text eol=lf
*.jsonl text eol=lf
"""


def plan_init(root: Path) -> ChangeSet:
    """The files of a new workspace that are not there yet."""
    wanted = {
        "crmctl.yaml": CONFIG.encode(),
        ".gitignore": IGNORE.encode(),
        ".gitattributes": ATTRIBUTES.encode(),
    }
    settings = ("weights.yaml", "signals.yaml", "technologies.yaml", "workflows.yaml")
    shipped = (*templates.shipped_names(), *templates.shipped_names(WORKFLOW_TESTS))
    for name in (*settings, *shipped):
        found = templates.shipped(name)
        if found is None:
            raise CrmError(f"{name}: is missing from this installation of crmctl; install it again")
        wanted[name] = found
    changes = ChangeSet()
    for path, content in wanted.items():
        if files.read(root, path) is None:
            changes.put(path, None, content, "new workspace")
    return changes
