"""The measured inputs of the health score, one module a factor."""
