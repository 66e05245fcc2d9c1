"""The command line."""

from __future__ import annotations

import click

from newsletter import __version__
from newsletter.cli import articles, bounces, check, deliveries, doctor, operate, password, preview, subscribers
from newsletter.cli.base import Group


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="newsletter")
def main() -> None:
    """Plain-language research summaries in; feeds, email digests and web pages out."""


for command in (
    articles.parse,
    articles.ingest,
    articles.sources,
    articles.schema,
    articles.topics,
    articles.quarantine,
    articles.shelf,
    operate.plan,
    operate.publish,
    operate.deliver,
    deliveries.deliveries,
    bounces.bounces,
    operate.run,
    operate.status,
    preview.preview,
    check.check,
    doctor.doctor,
    doctor.dkim,
    doctor.migrate,
    password.password,
    subscribers.subscribers,
):
    main.add_command(command)
