"""One holder at a time; whoever does not renew loses it."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from webapp import leases
from webapp.db import now


def test_the_second_waits_until_the_first_gives_it_back(app: Flask) -> None:
    assert leases.take("bridge:main", "one")
    assert not leases.take("bridge:main", "two")
    leases.give_back("bridge:main", "one")
    assert leases.take("bridge:main", "two")


def test_the_holder_renews(app: Flask) -> None:
    assert leases.take("bridge:main", "one")
    assert leases.take("bridge:main", "one")


def test_a_dead_holders_lease_falls_to_the_next(app: Flask) -> None:
    assert leases.take("bridge:main", "one")
    later = now() + leases.HELD_FOR + timedelta(seconds=1)
    assert leases.take("bridge:main", "two", at=later)
    assert not leases.take("bridge:main", "one", at=later)
