"""Who runs the verbs: one process on one machine (`local`), or many (`procrastinate`)."""
