"""Which articles readers may see, as conditions on table `article`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, and_, or_

from newsletter.model import Status
from newsletter.store.schema import article


def visible(now: datetime) -> ColumnElement[bool]:
    """Not held back, and not withdrawn."""
    return and_(free(now), article.c.status != Status.WITHDRAWN.value)


def free(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Not held back."""
    return or_(article.c.publish_after.is_(None), article.c.publish_after <= now)
