"""what roles were given"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'b7d25f41e09a'
down_revision = '8a3e6b90c2d4'
branch_labels = None
depends_on = None

# what the first release gave, to which a role that lacks one of them was therefore not new
_AGENT = {
    'call:take', 'call:place', 'call:wrap_up', 'call:read', 'contact:read', 'contact:write', 'callback:work',
    'callback:dismiss',
}
_SUPERVISOR = _AGENT | {'call:read_team', 'callback:assign'}
_ADMIN = _SUPERVISOR | {'call:read_all', 'user:manage', 'system:read'}
FIRST = {'agent': _AGENT, 'supervisor': _SUPERVISOR, 'admin': _ADMIN}
# what later ones gave: new to a role that has it not; what else a role has, an administrator gave to it
LATER = {
    'agent': {'absence:own'},
    'supervisor': {'ledger:read', 'absence:own', 'absence:manage'},
    'admin': {'queue:manage', 'ledger:read', 'absence:own', 'absence:manage'},
}


def upgrade() -> None:
    with op.batch_alter_table('role', schema=None) as batch_op:
        batch_op.add_column(sa.Column('given', sa.UnicodeText(), nullable=False, server_default=''))
    role = sa.table('role', *(sa.column(name, sa.UnicodeText()) for name in ('name', 'permissions', 'given')))
    for name, first in FIRST.items():
        has = op.get_bind().scalar(sa.select(role.c.permissions).where(role.c.name == name))
        if has is not None:
            given = sorted(first | (set(has.split(',')) & LATER[name]))
            op.execute(role.update().where(role.c.name == name).values(given=','.join(given)))


def downgrade() -> None:
    with op.batch_alter_table('role', schema=None) as batch_op:
        batch_op.drop_column('given')
