"""What the process itself serves: `public/`, the pages for readers, search, and what operators look at."""

REQUIRED_TEMPLATES = (
    "web/chosen.html",
    "web/confirm.html",
    "web/confirm_unknown.html",
    "web/erase.html",
    "web/fields.html",
    "web/link_unknown.html",
    "web/preferences.html",
    "web/preferences_sent.html",
    "web/preferences_unknown.html",
    "web/refused.html",
    "web/search.html",
    "web/sign_up_closed.html",
    "web/snippet.html",
    "web/status.css",
    "web/status.html",
    "web/subscribe.html",
    "web/subscribe_form.html",
    "web/subscribe_sent.html",
    "web/unsubscribe.html",
)
