"""How a message leaves: one module a way. `base` says what each of them promises."""
