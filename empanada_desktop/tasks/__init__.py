"""One module per verb that a user would ask for: TITLE, Params, Inputs, run(inputs, params, context) -> result."""
