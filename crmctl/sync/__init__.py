"""The engine of every import: match, plan, guard, apply, commit; and what people decide afterwards."""
