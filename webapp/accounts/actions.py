from __future__ import annotations

import re
import uuid
from datetime import datetime

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_security.utils import hash_password

from telephony.commands import Pause
from telephony.errors import SwitchError
from webapp import switches, text
from webapp.accounts import queries, shown
from webapp.accounts.events import UserDeactivated
from webapp.accounts.models import Absence, AgentStatus, Line, Role, Team, User
from webapp.accounts.permissions import ROLES, Permission
from webapp.db import db, lock, now
from webapp.errors import Conflict, Invalid, NotFound, Unavailable
from webapp.events import publish

LOCALES = ("en", "el")
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,38}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_ENDPOINT = re.compile(r"(PJSIP|SIP|IAX2|SCCP)/[0-9A-Za-z_.-]{1,40}")
MIN_PASSWORD = 8


def ensure_roles() -> None:
    """The built-in roles get what this version of the product gives them and none before it did, and lose what it gives
    them no more. What an administrator added or took away stays so."""
    for name, permissions in ROLES.items():
        role = db.session.scalar(sa.select(Role).where(Role.name == name))
        if role is None:
            role = Role(name=name, permissions=[], given=[])
            db.session.add(role)
        gives, gave = {permission.value for permission in permissions}, set(role.given)
        role.permissions = sorted((set(role.permissions) | (gives - gave)) - (gave - gives))
        role.given = sorted(gives)
    db.session.flush()


def add_user(
    username: str, name: str, *, role: str, password: str, email: str = "", team: str | None = None,
    lines: tuple[str, ...] = (), switch: str = "main", locale: str | None = None,
) -> User:  # fmt: skip
    """A new employee. Raises Invalid, naming each field that is wrong."""
    username, email = username.strip().lower(), email.strip().lower()
    problems = _problems(username, name, role, password, email, lines, switch)
    if problems:
        raise Invalid(_("The user was not added."), fields=problems)
    user = User(
        username=username,
        name=" ".join(name.split()),
        email=email or f"{username}@ringback.invalid",
        password=hash_password(password),
        fs_uniquifier=uuid.uuid4().hex,
        locale=locale,
        active=True,
    )
    user.roles = [db.session.scalars(sa.select(Role).where(Role.name == role)).one()]
    user.team = _team(team) if team else None
    user.lines = [Line(switch=switch, endpoint=endpoint) for endpoint in lines]
    db.session.add(user)
    db.session.flush()
    return user


def set_head(team_name: str, head: User) -> None:
    team = db.session.scalar(sa.select(Team).where(Team.name == team_name))
    if team is None:
        raise NotFound(_("No team is called %(name)s.", name=team_name))
    team.head = head


def set_status(user: User, status: AgentStatus) -> None:
    """What the agent declares."""
    if user.status is not status:
        user.status, user.status_since = status, now()


def logged_in(user: User) -> None:
    """Somebody sits at the screen now."""
    user.logged_in_at = now()
    if user.status is AgentStatus.LOGGED_OUT:
        set_status(user, AgentStatus.AVAILABLE)


def logged_out(user: User) -> None:
    set_status(user, AgentStatus.LOGGED_OUT)


def add_absence(user: User, begins_at: datetime, ends_at: datetime, note: str = "") -> Absence:
    """Nothing new is given to them from the beginning to the end. Raises Invalid, also for one that overlaps another."""
    if ends_at <= begins_at:
        raise Invalid(_("The absence was not added."), fields={"until": _("It ends before it begins.")})
    note = text.line(note, "reason", most=200)
    lock(user)  # of two at the same moment the second sees the first
    if other := queries.absence_between(user, begins_at, ends_at):
        problem = _("%(name)s is absent already then: %(span)s.", name=user.name, span=shown.span(other))
        raise Invalid(_("The absence was not added."), fields={"from": problem})
    absence = Absence(user_id=user.id, begins_at=begins_at, ends_at=ends_at, note=note)
    db.session.add(absence)
    db.session.flush()
    return absence


def deactivate(user: User, *, at: datetime) -> None:
    """They do not work here any more: no log-in, no session, nothing new, and what is theirs goes to others.

    What they did stays theirs. Raises Conflict for the last one who may manage users.
    """
    lock(user)
    if not user.active:
        return
    managers = set(queries.users_who_may(Permission.USER_MANAGE))
    if managers == {user.id}:
        raise Conflict(_("%(name)s is the last administrator.", name=user.name))
    user.active = False
    user.fs_uniquifier = uuid.uuid4().hex  # no session of theirs is any good, nor will be when they are back
    logged_out(user)
    publish(UserDeactivated(user_id=user.id, at=at))


def activate(user: User) -> None:
    """They work here again, and log in as before."""
    user.active = True


def end_absence(absence: Absence, *, at: datetime) -> None:
    """They are back; one that has not begun is forgotten. Raises Conflict for one that is over."""
    if absence.ends_at <= at:
        raise Conflict(_("This absence is over already."))
    if absence.begins_at >= at:
        db.session.delete(absence)
    else:
        absence.ends_at = at


def in_step(user: User) -> None:
    """Tell the switches of the user's lines what the user declared. Outside a transaction. Raises Unavailable."""
    asked = [(line.switch, Pause(line.endpoint, user.status is AgentStatus.ON_BREAK, "break")) for line in user.lines]
    db.session.rollback()
    for switch, command in asked:
        try:
            switches.get(switch).pause(command)
        except SwitchError as error:
            problem = _("Your status is kept, but the telephone system did not follow: %(reason)s", reason=error.reason)
            raise Unavailable(problem) from error


def set_preferences(
    user: User, *, theme: str | None = None, density: str | None = None, locale: str | None = None
) -> None:
    """Raises Invalid for a value that does not exist."""
    for field, value, choices in (
        ("theme", theme, ("auto", "light", "dark")),
        ("density", density, ("comfortable", "compact")),
        ("locale", locale, LOCALES),
    ):
        if value is None:
            continue
        if value not in choices:
            raise Invalid(_("There is no such choice."), fields={field: ", ".join(choices)})
        setattr(user, field, value)


def _problems(
    username: str, name: str, role: str, password: str, email: str, lines: tuple[str, ...], switch: str
) -> dict[str, str]:
    problems = {}
    if not _USERNAME.fullmatch(username):
        problems["username"] = _("2 to 39 of a-z, 0-9, dot, dash and underscore.")
    elif db.session.scalar(sa.select(User.id).where(User.username == username)):
        problems["username"] = _("Somebody has it already.")
    if not name.strip() or len(name) > 120:
        problems["name"] = _("1 to 120 characters.")
    if role not in ROLES:
        problems["role"] = _("One of %(roles)s.", roles=", ".join(ROLES))
    if len(password) < MIN_PASSWORD:
        problems["password"] = _("At least %(n)s characters.", n=MIN_PASSWORD)
    if email and not _EMAIL.fullmatch(email):
        problems["email"] = _("Not an e-mail address.")
    elif email and db.session.scalar(sa.select(User.id).where(User.email == email)):
        problems["email"] = _("Somebody has it already.")
    for endpoint in lines:
        if not _ENDPOINT.fullmatch(endpoint):
            problems["line"] = _("%(line)s is not an endpoint like PJSIP/alice.", line=endpoint)
        elif taken := db.session.scalar(sa.select(Line).where(Line.switch == switch, Line.endpoint == endpoint)):
            problems["line"] = _("%(line)s belongs to %(name)s.", line=endpoint, name=taken.user.name)
    return problems


def _team(name: str) -> Team:
    team = db.session.scalar(sa.select(Team).where(Team.name == name))
    if team is None:
        team = Team(name=name)
        db.session.add(team)
    return team
